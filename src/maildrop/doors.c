/* See doors.h. */

#include "maildrop/doors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "maildrop/client.h"
#include "maildrop/pairs.h"

struct door {
	struct source source;	/* first: the two share their address */
	const struct doors *doors;
	struct ipc_channel channel;
	uint32_t slot;
	uint64_t early_session;	/* whose early octets are kept: the next to be handed over */
	size_t early_size;
	uint8_t early[];
};

void
arrival_free(struct arrival *arrival)
{
	if (arrival->socket >= 0)
		close(arrival->socket);
	free(arrival->pair);
	free(arrival);
}

static void
door_close(struct door *door, const struct error *error)
{
	if (error->kind == ERROR_PROTOCOL)
		LOG(LOG_LEVEL_ERROR, "message-refused", LOG_NUMBER("slot", door->slot), LOG_REASON(error));
	channel_close(&door->channel);
	free(door);
}

struct arrival *
arrival_new(uint32_t slot, const struct ipc_handover *handover, int socket, const char *early,
    size_t early_size)
{
	struct arrival *arrival = malloc(sizeof(*arrival) + early_size);

	if (arrival == NULL) {
		LOG(LOG_LEVEL_ERROR, "session-not-begun", LOG_SESSION(handover->session),
		    LOG_TEXT("reason", "no memory"));
		close(socket);
		return NULL;
	}
	*arrival = (struct arrival){ .slot = slot, .handover = *handover, .socket = socket,
		.at_milliseconds = clock_milliseconds(), .early_size = early_size };
	memcpy(arrival->early, early, early_size);
	return arrival;
}

/* Takes the socket of the message. NULL: no memory, and the client is gone. */
static struct arrival *
door_admit(struct door *door, struct ipc_message *message)
{
	const struct ipc_handover *handover = &message->body.handover;
	size_t early_size = door->early_session == handover->session ? door->early_size : 0;
	struct arrival *arrival = arrival_new(door->slot, handover, message->descriptor,
	    (const char *)door->early, early_size);

	door->early_size = 0;
	if (arrival == NULL || !handover->pumped)
		return arrival;
	arrival->pair = pair_new(door->doors, message->descriptor, door->slot);
	if (arrival->pair != NULL)
		return arrival;
	LOG(LOG_LEVEL_ERROR, "session-not-begun", LOG_SESSION(handover->session),
	    LOG_TEXT("reason", "no memory"));
	arrival_free(arrival);
	return NULL;
}

/* 1: *arrival is a client (NULL: it is lost). 0: nobody for now. -1: login has gone. */
static int
door_receive(struct door *door, struct arrival **arrival, struct error *error)
{
	struct ipc_message message;
	int result;

	while ((result = channel_receive(&door->channel, &message, error)) > 0) {
		if (message.type == IPC_EARLY) {
			door->early_session = message.body.early.session;
			door->early_size = message.body.early.size;
			memcpy(door->early, message.body.early.data, door->early_size);
			continue;
		}
		if (ipc_message_is_maimed(&message)) {
			LOG(LOG_LEVEL_ERROR, "descriptor-lost",
			    LOG_SESSION(message.body.handover.session),
			    LOG_TEXT("reason", "too many open descriptors"));
			continue;
		}
		*arrival = door_admit(door, &message);
		return 1;
	}
	return result;
}

void
doors_let_in(const struct doors *doors, struct arrival *arrival, struct scratch *scratch)
{
	if (client_arrive(doors->clients, arrival, false, scratch))
		return;
	doors->hear_auth(false);
	if (!client_arrive(doors->clients, arrival, true, scratch))
		doors->hear_auth(true);
}

/* The door is armed again before the client runs: others may come in meanwhile. */
static void
door_ready(struct source *source, struct scratch *scratch)
{
	struct door *door = (struct door *)source;
	const struct doors *doors = door->doors;
	struct arrival *arrival = NULL;
	struct error error;
	int result = door_receive(door, &arrival, &error);

	if (result < 0) {
		door_close(door, &error);
		return;
	}
	pool_arm(doors->pool, source);
	if (arrival != NULL)
		doors_let_in(doors, arrival, scratch);
}

int
door_open(const struct doors *doors, int descriptor, uint32_t slot, struct error *error)
{
	struct door *door = malloc(sizeof(*door) + EARLY_SIZE);

	if (door == NULL) {
		close(descriptor);
		return error_set(error, ERROR_TEMPORARY, "no memory for a door");
	}
	*door = (struct door){ .source = { .descriptor = descriptor, .ready = door_ready },
		.doors = doors, .slot = slot };
	channel_open(&door->channel, descriptor, IPC_MAILDROP, IPC_LOGIN);
	if (pool_arm(doors->pool, &door->source) == 0)
		return 0;
	error_errno(error, ERROR_TEMPORARY, "cannot poll a door");
	channel_close(&door->channel);
	free(door);
	return -1;
}
