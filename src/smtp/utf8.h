/* Characters beyond ASCII in addresses and parameters (RFC 6531, section 3.3; RFC 3629). */
#pragma once

#include <stddef.h>

/*
 * The octets of the character that begins at text: 2 to 4 for a well-formed one beyond U+009F, 1 for
 * ASCII (NUL too). 0: not well-formed (overlong, a surrogate, cut off), or a C1 control. Never looks behind a NUL.
 */
size_t utf8_character(const char *text);
