/* See deliveries.h. */

#include "maildrop/deliveries.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "ipc/channel.h"
#include "ipc/warrant.h"
#include "maildrop/client.h"
#include "maildrop/learner.h"
#include "maildrop/parcel.h"

#define AT_ONCE_MIN         16		/* where a quarter of the threads is fewer */
#define ANSWER_MILLISECONDS 10000	/* an lmtp process that takes no answer for so long is out of its mind */

struct mail_door {
	struct source source;	/* first: the two share their address */
	struct deliveries *deliveries;
	struct ipc_channel channel;	/* whoever runs the source receives; sent under the lock */
	pthread_mutex_t lock;
	atomic_bool broken;	/* nothing can be answered any more, so nothing more is taken */
	uint32_t slot;
	/* Guarded by deliveries->lock: */
	size_t references;	/* the source, and what is under way */
	bool held;		/* it holds the process until it is empty */
	struct mail_door *next, *next_waiting;
};

void
deliveries_begin(struct deliveries *deliveries, size_t threads_max)
{
	size_t limit = threads_max / 4;

	if (limit < AT_ONCE_MIN)
		limit = AT_ONCE_MIN;
	if (limit > threads_max / 2)
		limit = threads_max / 2;
	deliveries->limit = limit > 0 ? limit : 1;
	pthread_mutex_init(&deliveries->lock, NULL);
	append_group_begin(&deliveries->group);
}

static void
door_free(struct mail_door *door)
{
	channel_close(&door->channel);
	pthread_mutex_destroy(&door->lock);
	free(door);
}

/* One more is under way. False: not now; the door waits and is armed when one has ended. */
static bool
door_enter(struct mail_door *door)
{
	struct deliveries *deliveries = door->deliveries;
	bool enters;

	pthread_mutex_lock(&deliveries->lock);
	enters = deliveries->under_way < deliveries->limit;
	if (enters) {
		deliveries->under_way++;
		door->references++;
	} else {
		door->next_waiting = NULL;
		if (deliveries->waiting == NULL)
			deliveries->waiting = door;
		else
			deliveries->waiting_last->next_waiting = door;
		deliveries->waiting_last = door;
	}
	pthread_mutex_unlock(&deliveries->lock);
	if (enters)
		clients_hold(deliveries->clients);
	return enters;
}

/* It has ended. May free the door, or end the process. */
static void
door_leave(struct mail_door *door)
{
	struct deliveries *deliveries = door->deliveries;
	struct mail_door *next;
	bool last;

	pthread_mutex_lock(&deliveries->lock);
	deliveries->under_way--;
	last = --door->references == 0;
	next = deliveries->waiting;
	if (next != NULL)
		deliveries->waiting = next->next_waiting;
	pthread_mutex_unlock(&deliveries->lock);
	if (last)
		door_free(door);
	if (next != NULL)
		pool_arm(deliveries->pool, &next->source);
	clients_release(deliveries->clients);
}

/* Nothing more comes through it. What is under way has a reference of its own. */
static void
door_end(struct mail_door *door, const struct error *error)
{
	struct deliveries *deliveries = door->deliveries;
	struct mail_door **link = &deliveries->doors;
	bool held;

	if (error->kind == ERROR_PROTOCOL)
		LOG(LOG_LEVEL_ERROR, "message-refused", LOG_NUMBER("slot", door->slot), LOG_REASON(error));
	(void)shutdown(door->channel.descriptor, SHUT_RD);
	pthread_mutex_lock(&deliveries->lock);
	while (*link != door)
		link = &(*link)->next;
	*link = door->next;
	held = door->held;
	door->references--;
	pthread_mutex_unlock(&deliveries->lock);
	if (held)
		clients_release(deliveries->clients);
}

/* The lock is held. -1: not all of what was said can leave. */
static int
door_flush(struct mail_door *door, struct error *error)
{
	struct pollfd writable = { .fd = door->channel.descriptor, .events = POLLOUT };
	uint64_t now = clock_milliseconds(), until = now + ANSWER_MILLISECONDS;

	for (; channel_wants_write(&door->channel); now = clock_milliseconds()) {
		if (now >= until)
			return error_set(error, ERROR_TEMPORARY, "it takes no answers");
		poll(&writable, 1, (int)(until - now));
		if (channel_flush(&door->channel, error) != 0)
			return -1;
	}
	return 0;
}

/* May wait. */
static void
door_answer(struct mail_door *door, const struct ipc_deliver *deliver, const struct error *problem)
{
	struct ipc_delivered answer;
	struct error error = { .kind = ERROR_GONE, .text = "lmtp has gone" };

	memset(&answer, 0, sizeof(answer));
	answer.delivery = deliver->delivery;
	answer.kind = problem->kind;
	if (problem->kind != ERROR_NONE)
		snprintf(answer.text, sizeof(answer.text), "%.*s", TEXT_SIZE - 1, problem->text);
	pthread_mutex_lock(&door->lock);
	if (atomic_load(&door->broken) ||
	    channel_send(&door->channel, IPC_DELIVERED, &answer, -1, &error) != 0 ||
	    door_flush(door, &error) != 0) {
		LOG(LOG_LEVEL_WARNING, "answer-lost", LOG_SESSION(deliver->session),
		    LOG_NUMBER("slot", door->slot), LOG_REASON(&error));
		atomic_store(&door->broken, true);
		(void)shutdown(door->channel.descriptor, SHUT_RDWR);
	}
	pthread_mutex_unlock(&door->lock);
}

static bool
warrant_matches(struct deliveries *deliveries, const struct ipc_warrant *warrant)
{
	struct ipc_warrant_key key;
	bool good;

	pthread_mutex_lock(&deliveries->lock);
	good = deliveries->has_key;
	key = deliveries->key;
	pthread_mutex_unlock(&deliveries->lock);
	good = good && warrant_is_good(warrant, &key);
	secret_wipe(&key, sizeof(key));
	return good;
}

/* auth said its key before it made a warrant with it, but perhaps nobody has heard it yet. */
static int
warrant_check(struct deliveries *deliveries, const struct ipc_warrant *warrant, struct error *error)
{
	if (warrant_matches(deliveries, warrant))
		return 0;
	deliveries->hear_auth(false);
	if (warrant_matches(deliveries, warrant))
		return 0;
	return error_set(error, ERROR_DENIED, "the warrant is not good");
}

/* The answer is in *error. Begins to wait, as far as the pool is concerned. */
static void
parcel_deliver(struct deliveries *deliveries, struct parcel *parcel, struct error *error)
{
	int result;
	bool large = false;

	result = warrant_check(deliveries, &parcel->deliver->warrant, error);
	if (result == 0)
		result = parcel_look(parcel, &large, error);
	if (large)
		pool_blocking_begin(deliveries->pool);
	if (result == 0)
		result = parcel_write(parcel, error);
	if (!large)
		pool_blocking_begin(deliveries->pool);
	if (result == 0)
		result = parcel_commit(parcel, &deliveries->group, error);
	/* What was refused to a process that looks at the wrong directory may go well with another. */
	if (result != 0 && error->kind == ERROR_PERMANENT && deliveries->is_displaced())
		error->kind = ERROR_GONE;
}

static void
door_deliver(struct mail_door *door, struct ipc_message *message, bool leaving)
{
	struct deliveries *deliveries = door->deliveries;
	const struct ipc_deliver *deliver = &message->body.deliver;
	struct error error = { .kind = ERROR_NONE };
	struct parcel parcel;

	parcel_begin(&parcel, message, deliveries->rules_now());
	if (leaving) {
		error_set(&error, ERROR_GONE, "the process ends");
		pool_blocking_begin(deliveries->pool);
	} else {
		parcel_deliver(deliveries, &parcel, &error);
	}
	/* The client waits; but of a message that failed nothing may be left when he hears it. */
	if (error.kind == ERROR_NONE)
		door_answer(door, deliver, &error);
	parcel_log(&parcel, error.kind != ERROR_NONE ? &error : NULL);
	/* Nobody polls a folder. */
	if (error.kind == ERROR_NONE && strcmp(parcel.place, deliver->warrant.place) == 0)
		learner_note(deliveries->learner, parcel.place, parcel.rules->index_directory);
	parcel_end(&parcel);
	if (error.kind != ERROR_NONE)
		door_answer(door, deliver, &error);
	pool_blocking_end(deliveries->pool);
}

/* Whether it came too late to be delivered. */
static bool
delivery_count(struct deliveries *deliveries)
{
	bool leaving;

	pthread_mutex_lock(&deliveries->lock);
	deliveries->count++;
	leaving = deliveries->leaving;
	pthread_mutex_unlock(&deliveries->lock);
	return leaving;
}

static void
door_ready(struct source *source, struct scratch *scratch)
{
	struct error error = { .kind = ERROR_GONE, .text = "" };
	struct mail_door *door = (struct mail_door *)source;
	struct ipc_message message;
	int result = -1;

	(void)scratch;
	if (!door_enter(door))
		return;
	if (!atomic_load(&door->broken))
		result = channel_receive(&door->channel, &message, &error);
	if (result < 0)
		door_end(door, &error);
	else
		pool_arm(door->deliveries->pool, source);
	if (result > 0)
		door_deliver(door, &message, delivery_count(door->deliveries));
	door_leave(door);
}

/* The lock is held. What is there already is still read; then the door ends. */
static void
door_empty(struct mail_door *door)
{
	if (!door->held)
		clients_hold(door->deliveries->clients);
	door->held = true;
	(void)shutdown(door->channel.descriptor, SHUT_RD);
}

/* The lock is held. An lmtp process has one door; who keeps asking for others does not gather descriptors here. */
static void
doors_replace(struct deliveries *deliveries, uint32_t slot)
{
	for (struct mail_door *door = deliveries->doors; door != NULL; door = door->next)
		if (door->slot == slot)
			(void)shutdown(door->channel.descriptor, SHUT_RD);
}

int
deliveries_door_open(struct deliveries *deliveries, int descriptor, uint32_t slot, struct error *error)
{
	struct mail_door *door = calloc(1, sizeof(*door));

	if (door == NULL) {
		close(descriptor);
		return error_set(error, ERROR_TEMPORARY, "no memory for a door");
	}
	door->source = (struct source){ .descriptor = descriptor, .ready = door_ready };
	door->deliveries = deliveries;
	door->slot = slot;
	door->references = 1;
	channel_open(&door->channel, descriptor, IPC_MAILDROP, IPC_LMTP);
	pthread_mutex_init(&door->lock, NULL);
	pthread_mutex_lock(&deliveries->lock);
	doors_replace(deliveries, slot);
	door->next = deliveries->doors;
	deliveries->doors = door;
	if (deliveries->leaving)
		door_empty(door);
	pthread_mutex_unlock(&deliveries->lock);
	if (pool_arm(deliveries->pool, &door->source) == 0)
		return 0;
	error_errno(error, ERROR_TEMPORARY, "cannot poll a door");
	door_end(door, error);
	door_free(door);
	return -1;
}

void
deliveries_key_take(struct deliveries *deliveries, const struct ipc_warrant_key *key)
{
	pthread_mutex_lock(&deliveries->lock);
	deliveries->key = *key;
	deliveries->has_key = true;
	pthread_mutex_unlock(&deliveries->lock);
}

void
deliveries_key_forget(struct deliveries *deliveries)
{
	pthread_mutex_lock(&deliveries->lock);
	secret_wipe(&deliveries->key, sizeof(deliveries->key));
	deliveries->has_key = false;
	pthread_mutex_unlock(&deliveries->lock);
}

bool
deliveries_busy(struct deliveries *deliveries)
{
	bool busy;

	pthread_mutex_lock(&deliveries->lock);
	busy = deliveries->under_way > 0 || deliveries->count != deliveries->count_seen;
	deliveries->count_seen = deliveries->count;
	pthread_mutex_unlock(&deliveries->lock);
	return busy;
}

uint64_t
deliveries_count(struct deliveries *deliveries)
{
	uint64_t count;

	pthread_mutex_lock(&deliveries->lock);
	count = deliveries->count;
	pthread_mutex_unlock(&deliveries->lock);
	return count;
}

void
deliveries_leave(struct deliveries *deliveries)
{
	pthread_mutex_lock(&deliveries->lock);
	for (struct mail_door *door = deliveries->doors; door != NULL; door = door->next)
		door_empty(door);
	deliveries->leaving = true;
	pthread_mutex_unlock(&deliveries->lock);
}
