/* See number.h. */

#include "base/number.h"

#include <stddef.h>
#include <string.h>

bool
number_parse(const char *text, uint64_t *number)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned char)*text - (unsigned)'0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

char *
number_put(char text[NUMBER_DIGITS_MAX], uint64_t number)
{
	char digits[NUMBER_DIGITS_MAX];
	size_t first = NUMBER_DIGITS_MAX;

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	memcpy(text, digits + first, NUMBER_DIGITS_MAX - first);
	return text + NUMBER_DIGITS_MAX - first;
}
