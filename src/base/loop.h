/*
 * A thread that does all its work in calls: epoll, and for each descriptor the function that looks
 * after it; timers; and what is freed only when nobody can look at it any more.
 *
 * A watch costs one system call at its beginning, one at its end, and one whenever it really
 * changes what it is for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/error.h"
#include "base/timers.h"

struct loop;

struct watch {
	int descriptor;
	/*
	 * events: those that are watched for. A descriptor that has failed, or whose other end has
	 * gone, is ready for reading and writing: that tells how. May end the watch, and free it.
	 */
	void (*ready)(struct watch *, uint32_t events);
	void *owner;       /* for ready() */
	struct loop *loop; /* NULL: in none */
	uint32_t events;   /* what it is for: EPOLLIN, EPOLLOUT, EPOLLRDHUP; 0: nothing as yet */
};

/* Begins what is buried. */
struct grave {
	struct grave *next;
};

#define LOOP_EVENTS 64

struct loop {
	int epoll;
	uint64_t now; /* clock_milliseconds() when the work in hand began */
	struct timers timers;
	struct grave *graves;
	struct epoll_event events[LOOP_EVENTS];
	int count, next; /* the events that loop_wait() is working through */
};

int loop_open(struct loop *, struct error *);
/* Watches and timers are their owners'; what is buried is freed. */
void loop_close(struct loop *);
/* Fill descriptor, ready and owner first. The watch must stay where it is. */
int loop_add(struct loop *, struct watch *, uint32_t events, struct error *);
/* Waits for events and timers, and reports each. Then what was buried meanwhile is freed. */
void loop_wait(struct loop *);
/* Frees what begins with that grave when the work in hand is done: others look at it yet. */
void loop_bury(struct loop *, struct grave *);

/* Costs nothing where it is for that already. */
void watch_for(struct watch *, uint32_t events);
/* From now on to is in from's place. Fill ready and owner of it first. */
void watch_pass(struct watch *from, struct watch *to);
/*
 * Nothing more is reported, not even what loop_wait() has in hand. Call before close(2), and before
 * others are left alone with the descriptor. Harmless on one that is in no loop.
 */
void watch_end(struct watch *);
/* The same, without a call of the kernel, for a descriptor of this process alone that is closed next. */
void watch_leave(struct watch *);
