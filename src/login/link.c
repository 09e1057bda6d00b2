/* See link.h. */

#include "login/link.h"

#include <stdlib.h>
#include <unistd.h>

#include "login/login.h"

static void link_event(uv_poll_t *, int status, int events);

static void
link_poll(struct link *link)
{
	int wanted = UV_READABLE | (channel_wants_write(&link->channel) ? UV_WRITABLE : 0);

	if (wanted == link->events || uv_is_closing((uv_handle_t *)&link->poll))
		return;
	link->events = wanted;
	uv_poll_start(&link->poll, wanted, link_event);
}

static void
link_event(uv_poll_t *poll, int status, int events)
{
	struct link *link = poll->data;
	struct login *login = poll->loop->data;
	struct ipc_message message;
	struct error error;
	int got = 0;

	(void)status;
	if ((events & UV_WRITABLE) != 0 && channel_flush(&link->channel, &error) < 0)
		got = -1;
	/* A handler may close the link. */
	while (got >= 0 && !uv_is_closing((uv_handle_t *)poll) &&
	    (got = channel_receive(&link->channel, &message, &error)) > 0)
		link->message(login, &message);
	if (uv_is_closing((uv_handle_t *)poll))
		return;
	if (got < 0) {
		link->end(login, link, &error);
		link_close(link);
		return;
	}
	link_poll(link);
}

void
link_hear(struct link *link)
{
	if (link != NULL)
		link_event(&link->poll, 0, UV_READABLE);
}

static void
link_free(uv_handle_t *handle)
{
	free(handle->data);
}

struct link *
link_open(struct login *login, int descriptor, enum ipc_role peer,
    void (*message)(struct login *, struct ipc_message *),
    void (*end)(struct login *, struct link *, const struct error *))
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL || uv_poll_init(&login->loop, &link->poll, descriptor) != 0) {
		free(link);
		close(descriptor);
		return NULL;
	}
	link->poll.data = link;
	link->message = message;
	link->end = end;
	channel_open(&link->channel, descriptor, IPC_LOGIN, peer);
	link_poll(link);
	return link;
}

void
link_close(struct link *link)
{
	if (link == NULL || uv_is_closing((uv_handle_t *)&link->poll))
		return;
	uv_close((uv_handle_t *)&link->poll, link_free);
	channel_close(&link->channel);
}

int
link_send(struct link *link, enum ipc_type type, const void *body, int descriptor, struct error *error)
{
	if (link == NULL)
		return error_set(error, ERROR_TEMPORARY, "the other process is not there");
	if (channel_send(&link->channel, type, body, descriptor, error) < 0)
		return -1;
	link_poll(link);
	return 0;
}
