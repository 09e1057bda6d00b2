/* 100 ms, doubling to 30 s; what has lived for a minute begins anew. */

#include "parent/parent.h"

#define FIRST_MILLISECONDS   100
#define LONGEST_MILLISECONDS 30000
#define LIVED_MILLISECONDS   60000

uint64_t
backoff_next(uint64_t last_milliseconds, uint64_t lived_milliseconds)
{
	if (last_milliseconds == 0 || lived_milliseconds >= LIVED_MILLISECONDS)
		return FIRST_MILLISECONDS;
	if (last_milliseconds >= LONGEST_MILLISECONDS / 2)
		return LONGEST_MILLISECONDS;
	return last_milliseconds * 2;
}
