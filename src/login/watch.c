/* See watch.h. */

#include "login/watch.h"

#include <stdlib.h>

struct watch {
	uv_poll_t poll;
	watch_function *function;
	void *owner;
	int events;
};

struct watch *
watch_new(uv_loop_t *loop, int socket, watch_function *function, void *owner)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL || uv_poll_init(loop, &watch->poll, socket) != 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	watch_pass(watch, function, owner);
	return watch;
}

static void
heard(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;

	/* libuv has stopped polling then. */
	if (status < 0) {
		watch->events = 0;
		events = UV_READABLE | UV_WRITABLE;
	}
	watch->function(watch->owner, events);
}

void
watch_for(struct watch *watch, int events)
{
	if (watch->events == events)
		return;
	watch->events = events;
	if (events == 0)
		uv_poll_stop(&watch->poll);
	else
		uv_poll_start(&watch->poll, events, heard);
}

int
watch_events(const struct watch *watch)
{
	return watch->events;
}

void
watch_pass(struct watch *watch, watch_function *function, void *owner)
{
	watch->function = function;
	watch->owner = owner;
}

static void
free_watch(uv_handle_t *handle)
{
	free(handle->data);
}

void
watch_end(struct watch *watch)
{
	if (watch != NULL)
		uv_close((uv_handle_t *)&watch->poll, free_watch);
}
