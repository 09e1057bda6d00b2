/* See link.h. */

#include "ipc/link.h"

#include <unistd.h>

/* So many messages, then it is somebody else's turn. */
#define BATCH 32

static void
lose(struct link *link, const struct error *error)
{
	link_close(link);
	link->gone(link, error);
}

static void
watch_as_needed(struct link *link)
{
	watch_for(&link->watch, EPOLLIN | (channel_wants_write(&link->channel) ? EPOLLOUT : 0));
}

static void
link_ready(struct watch *watch, uint32_t events)
{
	struct link *link = watch->owner;
	struct ipc_message message;
	struct error error;

	if ((events & EPOLLOUT) != 0) {
		if (channel_flush(&link->channel, &error) < 0) {
			lose(link, &error);
			return;
		}
		watch_as_needed(link);
	}
	for (unsigned i = 0; i < BATCH && (events & EPOLLIN) != 0; i++) {
		int result = channel_receive(&link->channel, &message, &error);

		if (result < 0)
			lose(link, &error);
		if (result <= 0)
			return;
		link->received(link, &message);
		if (message.descriptor >= 0)
			close(message.descriptor);
		ipc_message_wipe(&message);
		if (!link_is_open(link))
			return;
	}
}

int
link_open(struct link *link, struct loop *loop, int descriptor, enum ipc_role self,
    enum ipc_role other, struct error *error)
{
	channel_open(&link->channel, descriptor, self, other);
	link->watch =
	    (struct watch){ .descriptor = descriptor, .ready = link_ready, .owner = link };
	if (loop_add(loop, &link->watch, EPOLLIN, error) < 0) {
		channel_close(&link->channel);
		return -1;
	}
	return 0;
}

bool
link_is_open(const struct link *link)
{
	return link->watch.loop != NULL;
}

void
link_close(struct link *link)
{
	if (!link_is_open(link))
		return;
	watch_end(&link->watch);
	channel_close(&link->channel);
}

void
link_hear(struct link *link)
{
	if (link_is_open(link))
		link_ready(&link->watch, EPOLLIN);
}

int
link_send(
    struct link *link, enum ipc_type type, const void *body, int descriptor, struct error *error)
{
	if (!link_is_open(link))
		return error_set(error, ERROR_GONE, "the channel is closed");
	if (channel_send(&link->channel, type, body, descriptor, error) < 0)
		return -1;
	watch_as_needed(link);
	return 0;
}
