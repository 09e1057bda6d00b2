/* Numbers as strangers write them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * True and *number set if text is nothing but decimal digits (one at least; leading zeros are
 * accepted) and the value fits. "", "+1", "-1", " 1", "1x" and 18446744073709551616 are not numbers.
 */
bool number_parse(const char *text, uint64_t *number);
