/* The channels to maildrop processes, by which clients or messages are handed over. The parent makes them. */
#pragma once

#include <stdint.h>

#include "ipc/link.h"

#define DOOR_BUCKETS 64		/* a power of two */

/* May be the beginning of something bigger. */
struct door {
	struct grave grave;
	struct door *next;	/* in its bucket */
	struct doors *among;
	struct link link;
	uint32_t number;	/* by which auth names the process */
};

struct doors {
	struct loop *loop;
	struct link *parent;
	enum ipc_role self;
	size_t size;		/* of what begins with a struct door; the rest is zeros at first */
	void *owner;
	void (*received)(struct door *, struct ipc_message *);	/* NULL: nothing is said to us */
	void (*gone)(struct door *);	/* NULL, or the process has ended: it is freed behind the call */
	struct door *buckets[DOOR_BUCKETS];
};

/* Takes the descriptor. */
void door_add(struct doors *, int descriptor, uint32_t number);
/* NULL: there is no such process (any more), or its door was lost: then the parent makes another. */
struct door *door_find(struct doors *, uint32_t number);
/* gone() is not called. */
void doors_close(struct doors *);
