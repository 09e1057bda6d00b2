/* See learner.h. */

#include "maildrop/learner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "maildrop/client.h"
#include "maildrop/place.h"
#include "store/store.h"

#define DELAY_MILLISECONDS 1000
#define TRIES_MAX          60
#define SHARE              20	/* at most this part of the time: one in twenty */

/* The lock is held. For the first that is due, if there is one. */
static void
timer_set(const struct learner *learner)
{
	uint64_t now = clock_milliseconds(), at = learner->novelties[learner->first].due_milliseconds;
	struct itimerspec once = { .it_value = { .tv_nsec = 1 } };

	if (learner->count == 0)
		return;
	if (at < learner->rests_until_milliseconds)
		at = learner->rests_until_milliseconds;
	if (at > now)
		once.it_value = (struct timespec){ .tv_sec = (time_t)((at - now) / 1000),
			.tv_nsec = (long)((at - now) % 1000) * 1000000 };
	(void)timerfd_settime(learner->source.descriptor, 0, &once, NULL);
}

/* The lock is held, and there is room. It is due behind all others, which were put there before. */
static void
novelty_put(struct learner *learner, const struct novelty *novelty)
{
	struct novelty *last = &learner->novelties[(learner->first + learner->count) % LEARNER_PLACES_MAX];

	*last = *novelty;
	last->due_milliseconds = clock_milliseconds() + DELAY_MILLISECONDS;
	learner->count++;
}

/* The lock is held. */
static bool
is_noted(const struct learner *learner, uint64_t hash)
{
	for (size_t i = 0; i < learner->count; i++)
		if (learner->novelties[(learner->first + i) % LEARNER_PLACES_MAX].hash == hash)
			return true;
	return false;
}

void
learner_note(struct learner *learner, const char *place, int index_directory)
{
	struct novelty novelty = { .hash = place_hash(place), .index_directory = index_directory };

	if (index_directory == STORE_INDEX_NONE)
		return;
	pthread_mutex_lock(&learner->lock);
	if (learner->count < LEARNER_PLACES_MAX && !is_noted(learner, novelty.hash) &&
	    (novelty.place = strdup(place)) != NULL) {
		novelty_put(learner, &novelty);
		if (learner->count == 1)
			timer_set(learner);
	}
	pthread_mutex_unlock(&learner->lock);
}

/* The first, if it is due. */
static bool
novelty_take(struct learner *learner, struct novelty *novelty)
{
	bool due;

	pthread_mutex_lock(&learner->lock);
	due = learner->count > 0 && learner->novelties[learner->first].due_milliseconds <= clock_milliseconds();
	if (due) {
		*novelty = learner->novelties[learner->first];
		learner->first = (learner->first + 1) % LEARNER_PLACES_MAX;
		learner->count--;
	}
	pthread_mutex_unlock(&learner->lock);
	return due;
}

/* It was looked at; what could not be learnt yet is put behind the others, unless it is noted anew. */
static void
novelty_settle(struct learner *learner, struct novelty *novelty, enum learning learning,
    uint64_t took_microseconds)
{
	pthread_mutex_lock(&learner->lock);
	learner->rests_until_milliseconds = clock_milliseconds() + 1 + took_microseconds * (SHARE - 1) / 1000;
	if (learning == LEARNING_LATER && ++novelty->tries < TRIES_MAX &&
	    learner->count < LEARNER_PLACES_MAX && !is_noted(learner, novelty->hash))
		novelty_put(learner, novelty);
	else
		free(novelty->place);
	pthread_mutex_unlock(&learner->lock);
}

static uint64_t
microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* The process does not end in the middle: a half index would be in the way of the next for a while. */
static void
novelty_learn(struct learner *learner, struct novelty *novelty)
{
	uint64_t began = microseconds();
	enum learning learning;

	pool_blocking_begin(learner->pool);
	learning = store_learn(novelty->place, novelty->index_directory);
	pool_blocking_end(learner->pool);
	novelty_settle(learner, novelty, learning, microseconds() - began);
}

static void
learner_ready(struct source *source, struct scratch *scratch)
{
	struct learner *learner = (struct learner *)source;
	struct novelty novelty;
	uint64_t expirations;

	(void)scratch;
	(void)!read(source->descriptor, &expirations, sizeof(expirations));
	clients_hold(learner->clients);
	if (novelty_take(learner, &novelty))
		novelty_learn(learner, &novelty);
	pthread_mutex_lock(&learner->lock);
	timer_set(learner);
	pthread_mutex_unlock(&learner->lock);
	pool_arm(learner->pool, source);
	clients_release(learner->clients);
}

int
learner_begin(struct learner *learner, struct pool *pool, struct clients *clients, struct error *error)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	learner->source = (struct source){ .descriptor = timer, .ready = learner_ready };
	learner->pool = pool;
	learner->clients = clients;
	pthread_mutex_init(&learner->lock, NULL);
	if (timer >= 0 && pool_arm(pool, &learner->source) == 0)
		return 0;
	return error_errno(error, ERROR_TEMPORARY, "cannot make a timer");
}
