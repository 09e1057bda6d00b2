/* See doors.h. */

#include "login/doors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "login/login.h"

struct door {
	struct grave grave;
	struct door *next;	/* in its bucket */
	struct link link;
	uint32_t number;
};

static struct door **
place_of(struct login *login, uint32_t number)
{
	struct door **place = &login->doors[number & (DOOR_BUCKETS - 1)];

	while (*place != NULL && (*place)->number != number)
		place = &(*place)->next;
	return place;
}

/* ipc_rules[] lets a maildrop process say nothing to login. */
static void
received(struct link *link, struct ipc_message *message)
{
	(void)link;
	(void)message;
}

/* The process has ended. */
static void
gone(struct link *link, const struct error *error)
{
	struct door *door = (struct door *)((char *)link - offsetof(struct door, link));
	struct login *login = link->owner;
	struct door **place = place_of(login, door->number);

	(void)error;
	*place = door->next;
	loop_bury(&login->loop, &door->grave);
}

void
door_add(struct login *login, int descriptor, uint32_t number)
{
	struct door **place = place_of(login, number);
	struct door *door = calloc(1, sizeof(*door));
	struct error error = { ERROR_TEMPORARY, "no memory" };

	if (door == NULL) {
		close(descriptor);
	} else {
		door->number = number;
		door->link.owner = login;
		door->link.received = received;
		door->link.gone = gone;
		if (link_open(&door->link, &login->loop, descriptor, IPC_LOGIN, IPC_MAILDROP, &error) == 0) {
			door->next = *place;
			*place = door;
			return;
		}
	}
	free(door);
	LOG(LOG_LEVEL_ERROR, "maildrop-unreachable", LOG_NUMBER("number", number), LOG_REASON(&error));
}

/* The parent tells of a process before it tells auth: what it said is waiting, if it was not heard. */
static struct door *
find(struct login *login, uint32_t number)
{
	if (*place_of(login, number) == NULL)
		link_hear(&login->parent);
	return *place_of(login, number);
}

/*
 * Mostly the process has just ended. But a door can also be lost, when there is no descriptor to be had as
 * it comes: then the parent makes another, for whoever comes next.
 */
static void
door_missing(struct login *login, uint32_t number)
{
	struct ipc_channel_for lost = { .role = IPC_MAILDROP, .slot = number };
	struct error error;

	if (link_send(&login->parent, IPC_CHANNEL_LOST, &lost, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "parent-unreachable", LOG_REASON(&error));
}

int
door_send(struct login *login, uint32_t number, const struct ipc_handover *handover, int socket,
    const char *early, size_t early_size, struct error *error)
{
	struct door *door = find(login, number);
	struct ipc_early before;

	if (door == NULL) {
		door_missing(login, number);
		return error_set(error, ERROR_GONE, "the maildrop process has gone");
	}
	if (early_size > EARLY_SIZE)
		return error_set(error, ERROR_PROTOCOL, "too much came behind the password");
	if (early_size > 0) {
		memset(&before, 0, sizeof(before));
		before.session = handover->session;
		before.size = (uint32_t)early_size;
		memcpy(before.data, early, early_size);
		if (link_send(&door->link, IPC_EARLY, &before, -1, error) < 0)
			return -1;
	}
	return link_send(&door->link, IPC_HANDOVER, handover, socket, error);
}

void
doors_close(struct login *login)
{
	for (size_t i = 0; i < DOOR_BUCKETS; i++) {
		struct door *door;

		while ((door = login->doors[i]) != NULL) {
			login->doors[i] = door->next;
			link_close(&door->link);
			free(door);
		}
	}
}
