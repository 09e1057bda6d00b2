/*
 * What has to be done when. Ten thousand timers cost no more than ten, and setting one cannot fail:
 * what it takes is in the timer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

struct timer {
	void (*expired)(struct timer *); /* it is not set any more then; may free it */
	void *owner;                     /* for expired() */
	uint64_t at;                     /* clock_milliseconds() */
	/* Among the others: */
	struct timer *child, *next;
	struct timer **link; /* what points to it; NULL: it is not set */
};

struct timers {
	struct timer *first;
};

/* Sets or moves it. It must stay where it is while it is set. */
void timer_set(struct timers *, struct timer *, uint64_t at);
/* Harmless if it is not set. */
void timer_clear(struct timers *, struct timer *);
bool timer_is_set(const struct timer *);
/* Calls those whose time has come, the earliest first. */
void timers_expire(struct timers *, uint64_t now);
/* For epoll: milliseconds until the earliest, 0 if it has passed, -1 if there is none. */
int timers_timeout(const struct timers *, uint64_t now);
