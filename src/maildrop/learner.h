/*
 * Brings indexes up to date behind deliveries, so that the next poll of a maildrop reads nothing
 * (store_learn()). About a second behind the first message of a burst, when all of it can be learnt at
 * once and its times prove something; a maildrop that is in use, or still changes, is looked at again a
 * second later, for a while.
 *
 * Nobody waits for it: one thread of the pool at a time learns, and says that it waits. It is bounded in
 * what it takes: a small part of the time, one maildrop after the other, and so many that are to be
 * learnt. What goes beyond, and what is still to be learnt when the process ends, is left to the next
 * session, which reads it itself.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "maildrop/pool.h"

#define LEARNER_PLACES_MAX 1024

struct clients;

/* A maildrop that has something to learn. */
struct novelty {
	char *place;
	uint64_t hash;			/* of the place */
	uint64_t due_milliseconds;
	int index_directory;
	unsigned tries;			/* so far */
};

struct learner {
	struct source source;		/* a timer; first: the two share their address */
	struct pool *pool;
	struct clients *clients;
	pthread_mutex_t lock;		/* guards what follows */
	struct novelty novelties[LEARNER_PLACES_MAX];	/* a ring, in the order in which they are due */
	size_t first, count;
	uint64_t rests_until_milliseconds;
};

int learner_begin(struct learner *, struct pool *, struct clients *, struct error *);
/* Something was delivered there. */
void learner_note(struct learner *, const char *place, int index_directory);
