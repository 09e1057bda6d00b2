/* Numbers as strangers write them, and as we write them in long lists. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * True and *number set if text is nothing but decimal digits (one at least; leading zeros are
 * accepted) and the value fits. "", "+1", "-1", " 1", "1x" and 18446744073709551616 are not numbers.
 */
bool number_parse(const char *text, uint64_t *number);

#define NUMBER_DIGITS_MAX 20
/* Writes the digits, without a NUL, at text; returns where they end. */
char *number_put(char text[NUMBER_DIGITS_MAX], uint64_t number);
