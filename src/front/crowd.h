/* What keeps a crowd in bounds: time-outs, and how many connections one address has. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "front/peer.h"

/* To be embedded in what has a deadline. */
struct deadline {
	struct deadline *previous, *next;
	uint64_t at;		/* of loop->now */
};

#define DEADLINE_NEVER TIMER_NEVER

/*
 * A list in order of time, with one timer for all. Additions are cheap because each comes with the
 * same period and so belongs at the end; when a reload makes the period shorter, those that come
 * after may be kept as long as those before them.
 */
struct deadlines {
	struct deadline head;	/* of a ring */
	struct loop *loop;
	struct timer timer;
	size_t count;
	void (*expired)(struct deadline *);	/* must take it out of the list */
};

void deadlines_init(struct deadlines *, struct loop *, void (*expired)(struct deadline *));
void deadlines_add(struct deadlines *, struct deadline *, uint64_t at);
void deadlines_remove(struct deadlines *, struct deadline *);
/* The first, or NULL. */
struct deadline *deadlines_first(struct deadlines *);
/* The one behind it, or NULL. */
struct deadline *deadlines_next(struct deadlines *, struct deadline *);

#define ADDRESS_BUCKETS 1024	/* a power of two */

/*
 * One entry for each address that has a connection, so never more than there are connections. An
 * IPv6 address is its /64 network.
 */
struct addresses {
	struct address *buckets[ADDRESS_BUCKETS];
	uint64_t seed;		/* a stranger chooses addresses, but not what they collide with */
};

/* False, and nothing is counted, if that address has max connections (or memory is short). */
bool addresses_enter(struct addresses *, const struct peer *, uint64_t max);
void addresses_leave(struct addresses *, const struct peer *);
