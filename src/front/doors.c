/* See doors.h. */

#include "front/doors.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

static struct door **
bucket_of(struct doors *doors, uint32_t number)
{
	return &doors->buckets[number & (DOOR_BUCKETS - 1)];
}

static struct door *
door_of(struct link *link)
{
	return (struct door *)((char *)link - offsetof(struct door, link));
}

static void
received(struct link *link, struct ipc_message *message)
{
	struct door *door = door_of(link);

	if (door->among->received != NULL)
		door->among->received(door, message);
}

static void
unlist(struct door *door)
{
	struct door **place = bucket_of(door->among, door->number);

	while (*place != door)
		place = &(*place)->next;
	*place = door->next;
}

/* The process has ended. */
static void
gone(struct link *link, const struct error *error)
{
	struct door *door = door_of(link);
	struct doors *doors = door->among;

	(void)error;
	unlist(door);
	if (doors->gone != NULL)
		doors->gone(door);
	loop_bury(doors->loop, &door->grave);
}

void
door_add(struct doors *doors, int descriptor, uint32_t number)
{
	struct door **place = bucket_of(doors, number);
	struct door *door = calloc(1, doors->size);
	struct error error = { ERROR_TEMPORARY, "no memory" };

	if (door == NULL) {
		close(descriptor);
	} else {
		door->among = doors;
		door->number = number;
		door->link.received = received;
		door->link.gone = gone;
		if (link_open(&door->link, doors->loop, descriptor, doors->self, IPC_MAILDROP, &error) == 0) {
			door->next = *place;
			*place = door;
			return;
		}
	}
	free(door);
	LOG(LOG_LEVEL_ERROR, "maildrop-unreachable", LOG_NUMBER("number", number), LOG_REASON(&error));
}

static struct door *
look(struct doors *doors, uint32_t number)
{
	struct door *door = *bucket_of(doors, number);

	while (door != NULL && door->number != number)
		door = door->next;
	return door;
}

/*
 * Mostly the process has just ended. But a door can also be lost, when there is no descriptor to be had as
 * it comes: then the parent makes another, for whoever comes next.
 */
static void
door_missing(struct doors *doors, uint32_t number)
{
	struct ipc_channel_for lost = { .role = IPC_MAILDROP, .slot = number };
	struct error error;

	if (link_send(doors->parent, IPC_CHANNEL_LOST, &lost, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "parent-unreachable", LOG_REASON(&error));
}

/* The parent tells of a process before it tells auth: what it said is waiting, if it was not heard. */
struct door *
door_find(struct doors *doors, uint32_t number)
{
	struct door *door = look(doors, number);

	if (door == NULL) {
		link_hear(doors->parent);
		door = look(doors, number);
	}
	if (door == NULL)
		door_missing(doors, number);
	return door;
}

void
doors_close(struct doors *doors)
{
	for (size_t i = 0; i < DOOR_BUCKETS; i++) {
		struct door *door;

		while ((door = doors->buckets[i]) != NULL) {
			doors->buckets[i] = door->next;
			link_close(&door->link);
			free(door);
		}
	}
}
