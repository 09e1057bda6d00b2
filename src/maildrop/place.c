/* See place.h. */

#include "maildrop/place.h"

/* FNV-1a. */
uint64_t
place_hash(const char *place)
{
	uint64_t hash = 14695981039346656037u;

	for (; *place != '\0'; place++)
		hash = (hash ^ (unsigned char)*place) * 1099511628211u;
	return hash | 1;
}
