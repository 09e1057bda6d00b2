/* Time that only goes forward, for deadlines and durations. */
#pragma once

#include <stdint.h>

/* Milliseconds since some fixed moment; not the time of day. */
uint64_t clock_milliseconds(void);
