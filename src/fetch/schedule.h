/* When an account that is watched has its next turn. */
#pragma once

#include <stdint.h>

#define SCHEDULE_SECONDS_MAX 3600 /* back-off ends here, unless the interval itself is longer */

/*
 * Milliseconds until then: the interval, twice as long for each failure in a row, up to an hour; never less
 * than least_seconds (LOGIN-DELAY); a tenth more or less, so that many who were started at once do not meet
 * again and again. chance: any number, evenly distributed.
 */
uint64_t schedule_watch(uint64_t interval_seconds, unsigned failures, uint64_t least_seconds, uint32_t chance);
/* Milliseconds until a connection that was lost is made again: half a second, twice as long each time. */
uint64_t schedule_retry(unsigned failures, uint32_t chance);
