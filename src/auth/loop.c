/* See loop.h. */

#include "auth/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

int
loop_open(struct loop *loop, struct error *error)
{
	loop->count = loop->next = 0;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll < 0 ? error_errno(error, ERROR_PERMANENT, "cannot poll") : 0;
}

void
loop_close(struct loop *loop)
{
	close(loop->epoll);
}

int
loop_add(struct loop *loop, struct watch *watch, uint32_t events, struct error *error)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->descriptor, &event) < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot poll a descriptor");
	return 0;
}

void
loop_change(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	/* A descriptor that is already polled can only be missing by a mistake of ours. */
	if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->descriptor, &event) < 0)
		abort();
}

void
loop_remove(struct loop *loop, struct watch *watch)
{
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->descriptor, NULL);
	for (int i = loop->next; i < loop->count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
}

void
loop_wait(struct loop *loop, int timeout_milliseconds)
{
	loop->next = 0;
	loop->count = epoll_wait(loop->epoll, loop->events, LOOP_EVENTS, timeout_milliseconds);
	if (loop->count < 0 && errno != EINTR) {
		struct error error;

		error_errno(&error, ERROR_PERMANENT, "epoll_wait");
		LOG(LOG_LEVEL_ERROR, "poll-failed", LOG_REASON(&error));
		abort();
	}
	while (loop->next < loop->count) {
		const struct epoll_event *event = &loop->events[loop->next++];
		struct watch *watch = event->data.ptr;

		if (watch != NULL)
			watch->ready(watch, event->events);
	}
	loop->count = 0;
}
