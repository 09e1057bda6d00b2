/* Texts of strangers on their way to people and programs. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"

/* Puts it as UTF-8 that no terminal obeys: "?" for each control and each octet that is not well-formed. */
void text_clean(struct writer *, const char *text);
/*
 * Puts a string of JSON, quotes included; U+FFFD for each octet that is not well-formed (RFC 8259, section 7).
 */
void text_json(struct writer *, const char *text);
/* "812 octets", "1.2 kB", "3.4 MB", "2.0 GB". */
void text_octets(struct writer *, uint64_t octets);
