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

/* Room for so many octets as text, with a NUL. */
#define BASE64_SIZE(octets) (((octets) + 2) / 3 * 4 + 1)
/* Writes BASE64_SIZE(size) characters; returns the length of the text. */
size_t base64_text(char *text, const void *data, size_t size);
