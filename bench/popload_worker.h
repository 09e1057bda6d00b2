/*
 * One thread of the load generator: its connections, an epoll loop, what it measured. Each worker
 * has users of its own, and no user has two connections at once: a maildrop is locked by its session.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "popload.h"

struct connection {
	struct stream stream;
	struct talk talk;
	unsigned user_slot;
	uint64_t begun_ns;		/* with --rate: when it should have begun */
	uint64_t counted_ns;		/* when STAT was answered; 0: not yet */
	enum { SLOT_FREE, SLOT_TALKING, SLOT_LEAVING, SLOT_HELD } state;
};

struct worker {
	const struct options *options;
	SSL_CTX *tls;
	struct sockaddr_in address;
	unsigned number;		/* 0 .. threads - 1: takes every threads-th user */
	int epoll;
	struct connection *connections;
	size_t connection_count;
	size_t *free_slots, free_count;
	bool *user_busy;
	size_t user_count, user_next;
	size_t talking_count, held_count;
	uint64_t begin_ns, end_ns;	/* end_ns: no operation begins later */
	uint64_t last_ns;		/* when the last operation ended */
	uint64_t begun, begun_max;	/* operations */
	uint64_t errors, resumed;
	uint32_t *latencies_us;		/* of each operation that ended well */
	size_t operations, latencies_max;
	bool all_held;
};

extern volatile sig_atomic_t worker_stop;	/* a signal asks for the end */

uint64_t now_ns(void);
/* Returns -1 when memory or descriptors do not suffice. */
int worker_init(struct worker *, const struct options *, unsigned number, SSL_CTX *);
/* Until everything asked for is done. LOAD_HOLD: until everything is held; then call worker_hold(). */
void worker_run(struct worker *);
/* Watches the held connections: one that is closed or speaks is an error. */
void worker_hold(struct worker *);
void worker_end(struct worker *);
