/* See schedule.h. */

#include "fetch/schedule.h"

#define RETRY_MILLISECONDS     500
#define RETRY_MILLISECONDS_MAX 30000

/* Between nine and eleven tenths. */
static uint64_t
jitter(uint64_t milliseconds, uint32_t chance)
{
	return milliseconds - milliseconds / 10 + (uint64_t)((double)milliseconds / 5 * chance / UINT32_MAX);
}

static uint64_t
doubled(uint64_t value, unsigned times, uint64_t maximum)
{
	while (times-- > 0 && value < maximum)
		value = value * 2 < maximum ? value * 2 : maximum;
	return value;
}

uint64_t
schedule_watch(uint64_t interval_seconds, unsigned failures, uint64_t least_seconds, uint32_t chance)
{
	uint64_t wait = jitter(doubled(interval_seconds, failures, SCHEDULE_SECONDS_MAX) * 1000, chance);

	return wait > least_seconds * 1000 ? wait : least_seconds * 1000;
}

uint64_t
schedule_retry(unsigned failures, uint32_t chance)
{
	return jitter(doubled(RETRY_MILLISECONDS, failures, RETRY_MILLISECONDS_MAX), chance);
}
