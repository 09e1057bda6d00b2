/*
 * Threads for what takes long: password hashes. Jobs go in by a bounded queue, come back by a list
 * and an eventfd that the loop watches.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The first member of what is to be done. It belongs to the pool from submit to done. */
struct pool_job {
	void (*run)(struct pool_job *); /* in one of the threads; may block, touches only the job */
	struct pool_job *next;
};

#define POOL_THREADS_MAX 64

struct pool;

struct pool_thread {
	struct pool *pool;
	unsigned index;
	pthread_t thread;
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t work, parked; /* where threads wait; parked: those that are not wanted now */
	struct pool_job *first, *last, *done;
	size_t queued, queue_max;
	struct pool_thread threads[POOL_THREADS_MAX];
	unsigned started, wanted;
	bool closing;
	int event; /* readable when something is done */
};

/* No thread yet. */
int pool_open(struct pool *, size_t queue_max, struct error *);
/* So many threads work from now on, POOL_THREADS_MAX at most. -1: not all could be started. */
int pool_resize(struct pool *, unsigned thread_count, struct error *);
/* -1: the queue is full; the job is still the caller's. */
int pool_submit(struct pool *, struct pool_job *, struct error *);
/* All jobs that are done, linked by next; the caller's again. Clears the event. */
struct pool_job *pool_take_done(struct pool *);
/* Waits for the threads. Jobs that were not begun are handed back like those that are done. */
struct pool_job *pool_close(struct pool *);
