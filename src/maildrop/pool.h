/*
 * Threads that wait together in one epoll and run what is ready.
 *
 * A source is armed for one event; whichever thread gets it runs its function, and nobody else
 * touches the source until it is armed again. A session therefore needs no lock of its own, and
 * holds a thread only while it has something to do. Where a session must wait in the middle of a
 * command (a client that reads slowly), it says so with pool_blocking_begin(), and another thread
 * takes its place in the epoll: nobody else has to wait for it. Where it is at work for long without
 * saying so others wait for some milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What a thread lends to the source it runs: large buffers that a parked session must not hold. */
struct scratch {
	char input[8 * 1024];
	char chunk[32 * 1024];
	char output[32 * 1024];
};

struct pool;

struct source {
	int descriptor;
	bool added;		/* the pool's: is it known to the epoll? */
	/* Runs in a thread of the pool. Arms the source again, or forgets it. */
	void (*ready)(struct source *, struct scratch *);
};

/*
 * At most thread_count threads run sources at once; one does while it keeps up. Never more than
 * thread_count_max with those that wait inside a command.
 */
int pool_new(struct pool **, size_t thread_count, size_t thread_count_max, struct error *);
/*
 * Arms a source for its next event; from then on another thread may be running it already. -1: the
 * kernel has no room for a new source.
 *
 * A source that is not armed costs nothing and never fires: its thread may close the descriptor, or
 * put another in its place with pool_exchange(), without taking it out of the epoll first.
 */
int pool_arm(struct pool *, struct source *);
/* The same, but only its end is an event; what it says waits until it is armed in the other way. */
int pool_arm_for_end(struct pool *, struct source *);
/* Some thread runs a socket's source now, whether there is something to read or not. */
int pool_arm_at_once(struct pool *, struct source *);
/*
 * The source has another descriptor now; the old one is the caller's, who closes it. Only while the
 * source is not armed, or when the old descriptor has nothing more to say.
 */
void pool_exchange(struct source *, int descriptor);
/* The calling thread is about to wait for something slow, and has done so. */
void pool_blocking_begin(struct pool *);
void pool_blocking_end(struct pool *);
/* Puts the calling thread to work until the process ends. */
void pool_work(struct pool *);
