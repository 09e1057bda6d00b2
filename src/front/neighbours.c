/* See neighbours.h: one row and one function for each message. */

#include "front/neighbours.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define LOST_MILLISECONDS 1000

void
neighbours_tell(struct neighbours *n, enum ipc_type type, const void *body)
{
	struct error error;

	if (link_send(n->parent, type, body, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "parent-unreachable", LOG_REASON(&error));
}

void
neighbours_tell_count(struct neighbours *n, uint32_t ticket, const char *name, uint64_t number)
{
	struct ipc_row row;

	memset(&row, 0, sizeof(row));
	row.ticket = ticket;
	row.number = number;
	snprintf(row.name, sizeof(row.name), "%s", name);
	neighbours_tell(n, IPC_ROW, &row);
}

static void
await_auth(struct neighbours *n)
{
	if (!link_is_open(n->auth))
		timer_set(&n->loop->timers, &n->timer, n->loop->now + LOST_MILLISECONDS);
}

/* If auth had died, the parent would have sent a channel to the next. */
static void
still_lost(struct timer *timer)
{
	static const struct ipc_channel_for lost = { .role = IPC_AUTH };
	struct neighbours *n = timer->owner;

	if (*n->stopping)
		return;
	neighbours_tell(n, IPC_CHANNEL_LOST, &lost);
	await_auth(n);
}

void
neighbours_ready(struct neighbours *n)
{
	neighbours_tell(n, IPC_READY, NULL);
	await_auth(n);
}

static void
auth_says(struct link *link, struct ipc_message *message)
{
	struct neighbours *n = link->owner;

	n->answered(n->owner, message);
}

static void
auth_gone(struct link *link, const struct error *error)
{
	struct neighbours *n = link->owner;

	LOG(LOG_LEVEL_WARNING, "auth-lost", LOG_REASON(error));
	await_auth(n);
	n->auth_lost(n->owner);
}

static void
auth_open(struct neighbours *n, int descriptor)
{
	struct error error;

	link_close(n->auth);
	n->auth_lost(n->owner);
	n->auth->owner = n;
	n->auth->received = auth_says;
	n->auth->gone = auth_gone;
	if (link_open(n->auth, n->loop, descriptor, n->self, IPC_AUTH, &error) == 0) {
		timer_clear(&n->loop->timers, &n->timer);
		return;
	}
	LOG(LOG_LEVEL_ERROR, "auth-unreachable", LOG_REASON(&error));
	await_auth(n);
}

/* Connections keep the context they began with. */
static void
on_keys(struct neighbours *n, struct ipc_message *message)
{
	keyring_take(n->keyring, message->descriptor);
}

static void
on_ticket_keys(struct neighbours *n, struct ipc_message *message)
{
	keyring_take_tickets(n->keyring, &message->body.ticket_keys);
}

static void
on_listener(struct neighbours *n, struct ipc_message *message)
{
	listener_add(n->listeners, message->descriptor, &message->body.listener);
	message->descriptor = -1;
}

static void
on_channel(struct neighbours *n, struct ipc_message *message)
{
	const struct ipc_channel_for *channel = &message->body.channel;

	if (channel->role == IPC_AUTH)
		auth_open(n, message->descriptor);
	else
		door_add(n->doors, message->descriptor, channel->slot);
	message->descriptor = -1;
}

static void
on_log(struct neighbours *n, struct ipc_message *message)
{
	(void)n;
	log_descriptor_set(message->descriptor, (enum log_form)message->body.log.form);
	message->descriptor = -1;
}

static const struct {
	enum ipc_type type;
	void (*run)(struct neighbours *, struct ipc_message *);
} handlers[] = {
	{ IPC_KEYS, on_keys },
	{ IPC_TICKET_KEYS, on_ticket_keys },
	{ IPC_LISTENER, on_listener },
	{ IPC_CHANNEL, on_channel },
	{ IPC_LOG, on_log },
};

static void
parent_says(struct link *link, struct ipc_message *message)
{
	struct neighbours *n = link->owner;

	if (ipc_message_is_maimed(message)) {
		LOG(LOG_LEVEL_ERROR, "descriptor-lost", LOG_NUMBER("message", message->type));
		return;
	}
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == message->type)
			handlers[i].run(n, message);
	for (const struct said *row = n->said; row->run != NULL; row++)
		if (row->type == message->type)
			row->run(n->owner, message);
}

static void
parent_gone(struct link *link, const struct error *error)
{
	struct neighbours *n = link->owner;

	if (!*n->stopping)
		LOG(LOG_LEVEL_INFO, "parent-gone", LOG_REASON(error));
	n->parent_gone(n->owner);
}

int
neighbours_open(struct neighbours *n, int descriptor, struct error *error)
{
	n->timer = (struct timer){ .expired = still_lost, .owner = n };
	n->parent->owner = n;
	n->parent->received = parent_says;
	n->parent->gone = parent_gone;
	return link_open(n->parent, n->loop, descriptor, n->self, IPC_PARENT, error);
}
