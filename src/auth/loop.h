/* The one thread that talks: epoll, and for each descriptor the function that looks after it. */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>

#include "base/error.h"

struct watch {
	int descriptor;
	void (*ready)(struct watch *, uint32_t events);
	void *owner; /* for ready() */
};

#define LOOP_EVENTS 64

struct loop {
	int epoll;
	struct epoll_event events[LOOP_EVENTS];
	int count, next; /* the events that loop_wait() is working through */
};

int loop_open(struct loop *, struct error *);
void loop_close(struct loop *);
/* The watch must stay where it is until loop_remove(). */
int loop_add(struct loop *, struct watch *, uint32_t events, struct error *);
void loop_change(struct loop *, struct watch *, uint32_t events);
/* Nothing more is reported, not even what loop_wait() has in hand. Call before close(2). */
void loop_remove(struct loop *, struct watch *);
/* Waits for events and reports each. timeout: -1 for ever. */
void loop_wait(struct loop *, int timeout_milliseconds);
