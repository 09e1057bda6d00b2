/* See loop.h. */

#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

int
loop_open(struct loop *loop, struct error *error)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		return error_errno(error, ERROR_PERMANENT, "cannot poll");
	*loop = (struct loop){ .epoll = epoll, .now = clock_milliseconds() };
	return 0;
}

static void
free_buried(struct loop *loop)
{
	struct grave *grave;

	while ((grave = loop->graves) != NULL) {
		loop->graves = grave->next;
		free(grave);
	}
}

void
loop_close(struct loop *loop)
{
	free_buried(loop);
	close(loop->epoll);
}

void
loop_bury(struct loop *loop, struct grave *grave)
{
	grave->next = loop->graves;
	loop->graves = grave;
}

/*
 * Failures and hang-ups are reported even to who asks for nothing: at its edge that is once, where
 * it would be for ever.
 */
static struct epoll_event
event_of(struct watch *watch, uint32_t events)
{
	return (struct epoll_event){ .events = events != 0 ? events : EPOLLET, .data.ptr = watch };
}

static void
change(struct watch *watch, uint32_t events)
{
	struct epoll_event event = event_of(watch, events);

	/* A descriptor that is already polled can only be missing by a mistake of ours. */
	if (epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->descriptor, &event) < 0)
		abort();
	watch->events = events;
}

int
loop_add(struct loop *loop, struct watch *watch, uint32_t events, struct error *error)
{
	struct epoll_event event = event_of(watch, events);

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->descriptor, &event) < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot poll a descriptor");
	watch->loop = loop;
	watch->events = events;
	return 0;
}

void
watch_for(struct watch *watch, uint32_t events)
{
	if (watch->events != events)
		change(watch, events);
}

/* What is in hand for one is for the other; NULL: for nobody. */
static void
replace(struct loop *loop, const struct watch *from, struct watch *to)
{
	for (int i = loop->next; i < loop->count; i++)
		if (loop->events[i].data.ptr == from)
			loop->events[i].data.ptr = to;
}

void
watch_pass(struct watch *from, struct watch *to)
{
	to->descriptor = from->descriptor;
	to->loop = from->loop;
	change(to, from->events);
	replace(to->loop, from, to);
	from->loop = NULL;
}

void
watch_leave(struct watch *watch)
{
	if (watch->loop != NULL)
		replace(watch->loop, watch, NULL);
	watch->loop = NULL;
}

void
watch_end(struct watch *watch)
{
	if (watch->loop == NULL)
		return;
	epoll_ctl(watch->loop->epoll, EPOLL_CTL_DEL, watch->descriptor, NULL);
	watch_leave(watch);
}

static void
report(struct watch *watch, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		events |= EPOLLIN | EPOLLOUT;
	events &= watch->events;
	if (events != 0)
		watch->ready(watch, events);
}

void
loop_wait(struct loop *loop)
{
	int timeout = timers_timeout(&loop->timers, clock_milliseconds());

	log_flush();
	loop->next = 0;
	loop->count = epoll_wait(loop->epoll, loop->events, LOOP_EVENTS, timeout);
	if (loop->count < 0 && errno != EINTR) {
		struct error error;

		error_errno(&error, ERROR_PERMANENT, "epoll_wait");
		LOG(LOG_LEVEL_ERROR, "poll-failed", LOG_REASON(&error));
		abort();
	}
	loop->now = clock_milliseconds();
	while (loop->next < loop->count) {
		const struct epoll_event *event = &loop->events[loop->next++];

		if (event->data.ptr != NULL)
			report(event->data.ptr, event->events);
	}
	loop->count = 0;
	timers_expire(&loop->timers, loop->now);
	free_buried(loop);
}
