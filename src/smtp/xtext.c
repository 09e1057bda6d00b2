/* See xtext.h. */

#include "smtp/xtext.h"

/* Capital letters only: RFC 3461, section 4, says so. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The next octet, and *text moved behind it; -1 where there is none. */
static int
octet_take(const char **text)
{
	const char *at = *text;
	int high, low;

	if (*at != '+') {
		*text = at + 1;
		return *at > ' ' && *at < 0x7f && *at != '=' ? *at : -1;
	}
	high = hex_digit(at[1]);
	low = high < 0 ? -1 : hex_digit(at[2]);
	if (low < 0 || high + low == 0)
		return -1;
	*text = at + 3;
	return high * 16 + low;
}

bool
xtext_decode(const char *text, char *output, size_t output_size)
{
	const char *at = text;
	size_t length = 0;

	while (*at != '\0') {
		if (octet_take(&at) < 0)
			return false;
		length++;
	}
	if (output == NULL)
		return true;
	if (length >= output_size)
		return false;
	for (at = text; *at != '\0';)
		*output++ = (char)octet_take(&at);
	*output = '\0';
	return true;
}
