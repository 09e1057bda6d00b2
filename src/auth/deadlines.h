/* What has to be done when: a heap, so that ten thousand delays cost no more than ten. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
	uint64_t at;  /* clock_milliseconds() */
	size_t place; /* in the heap, from 1; 0: not set */
};

struct deadlines {
	struct deadline **heap;
	size_t count, room;
};

/* Sets or moves it. False: no memory, and it is not set. */
bool deadline_set(struct deadlines *, struct deadline *, uint64_t at);
/* Harmless if it is not set. */
void deadline_clear(struct deadlines *, struct deadline *);
/* The earliest, or NULL. */
struct deadline *deadline_first(const struct deadlines *);
/* For epoll: milliseconds until the earliest, 0 if it has passed, -1 if there is none. */
int deadline_timeout(const struct deadlines *, uint64_t now);
void deadlines_free(struct deadlines *);
