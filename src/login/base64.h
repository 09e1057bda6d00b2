/* Base64 as SASL wants it (RFC 5034, section 4; RFC 4648, section 4). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Strict: no foreign character, white space included, and '=' only as padding at the end. Octets
 * decoded, or -1, also when they are more than the size octets that data holds.
 */
ssize_t base64_strict(uint8_t *data, size_t size, const char *text, size_t length);
