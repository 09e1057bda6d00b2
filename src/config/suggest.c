/* Which key may somebody have meant? The nearest by edit distance, if it is near. */

#include <string.h>

#include "config/value.h"

#define NAME_MAX_LENGTH 63

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/*
 * How many letters must be inserted, left out or replaced to make name of text. What name has
 * behind its best match costs one in all: idle_timout is near idle_timeout_seconds.
 */
static size_t
distance(const char *text, const char *name)
{
	size_t row[NAME_MAX_LENGTH + 1];
	size_t length = strlen(name), best;

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; text[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= length; j++) {
			size_t above = row[j];

			row[j] =
			    least(above + 1, row[j - 1] + 1, diagonal + (text[i] != name[j - 1]));
			diagonal = above;
		}
	}
	best = row[length];
	for (size_t j = 0; j < length; j++)
		if (name[j] == '_' && row[j] + 1 < best)
			best = row[j] + 1;
	return best;
}

const char *
suggest_key(const char *text, const struct config_key keys[])
{
	size_t length = strlen(text), best;
	const char *nearest = NULL;

	if (length > NAME_MAX_LENGTH)
		return NULL;
	best = 2 + length / 4;
	for (const struct config_key *key = keys; key->name != NULL; key++) {
		size_t found = distance(text, key->name);

		if (found < best && found < length) {
			best = found;
			nearest = key->name;
		}
	}
	return nearest;
}
