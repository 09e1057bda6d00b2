/* See utf8.h. */

#include "smtp/utf8.h"

#include <stdint.h>

/* The first octets that begin a character of so many octets, and what its second octet may be. */
static const struct {
	uint8_t first, last, second_min, second_max, size;
} heads[] = {
	{ 0xc2, 0xc2, 0xa0, 0xbf, 2 },	/* without the C1 controls */
	{ 0xc3, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },	/* without the surrogates */
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t
utf8_character(const char *text)
{
	const uint8_t *octets = (const uint8_t *)text;

	if (octets[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (octets[0] < heads[i].first || octets[0] > heads[i].last)
			continue;
		if (octets[1] < heads[i].second_min || octets[1] > heads[i].second_max)
			return 0;
		for (size_t k = 2; k < heads[i].size; k++)
			if ((octets[k] & 0xc0) != 0x80)
				return 0;
		return heads[i].size;
	}
	return 0;
}
