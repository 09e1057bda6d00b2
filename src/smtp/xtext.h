/* xtext: octets that would not pass in a parameter are written +XX (RFC 3461, section 4). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Decodes text into output, with a NUL. False, and output untouched, where text is not xtext, where
 * it holds +00 (nothing that is kept in a string can), or where there is no room. output: NULL only asks.
 */
bool xtext_decode(const char *text, char *output, size_t output_size);
