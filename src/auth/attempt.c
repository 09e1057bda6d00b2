/*
 * What somebody offered as credentials: throttled, compared with the users file (in a thread if
 * that takes long), and if they are right, the maildrop opened.
 */

#include "auth/attempt.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/lookup.h"
#include "base/clock.h"

#define LATER_DELAY     10    /* milliseconds; doubles up to LATER_DELAY << LATER_DOUBLINGS */
#define LATER_DOUBLINGS 4

/* The credentials are right: find out where the maildrop is, and have it opened. */
static void
open_maildrop(struct check *check)
{
	struct auth *auth = check->auth;
	const struct user *user = users_find(auth->users.users, check->user);
	char root[PLACE_SIZE];
	struct error error;

	verify_free(check->job);
	check->job = NULL;
	check->open = calloc(1, sizeof(*check->open));
	if (user == NULL || check->open == NULL) {
		error_set(&error, ERROR_TEMPORARY, "the users file has changed meanwhile");
		check_not_served(check, &error);
		return;
	}
	if (lookup_place(auth, user, check->open->place, root, &error) < 0) {
		check_not_served(check, &error);
		return;
	}
	check->open->session = check->session;
	check->open->slot = check->login->slot;
	snprintf(check->open->user, sizeof(check->open->user), "%s", check->user);
	snprintf(check->open->peer, sizeof(check->open->peer), "%s", check->peer);
	check->state = CHECK_OPENING;
	check_set_deadline(check, clock_milliseconds() + MAILDROP_START_MILLISECONDS);
	check_open(check, user->uid, user->gid, root);
}

/* The verdict is in check->job->reason. */
static void
decide(struct check *check)
{
	struct auth *auth = check->auth;
	struct verify_job *job = check->job;
	uint64_t now = clock_milliseconds();
	bool right = job->reason == NULL;

	throttle_end(&auth->throttle, &check->ticket, right ? THROTTLE_RIGHT : THROTTLE_WRONG, now);
	if (!right) {
		check_refuse(check, job->reason);
		return;
	}
	/* What was right by a file that is no longer there must not be remembered. */
	if (verify_ways[job->method].cached && job->generation == auth->users.generation)
		cache_add(&auth->cache, check->user, job->password, now);
	if (check->login == NULL)
		check_free(check);
	else
		open_maildrop(check);
}

/* The throttle lets it pass: what is owed to it from here on is throttle_end(). */
static void
verify(struct check *check, uint64_t now)
{
	struct auth *auth = check->auth;
	struct verify_job *job = check->job;
	struct error error;

	if (!lookup_refresh(auth)) {
		throttle_end(&auth->throttle, &check->ticket, THROTTLE_UNDECIDED, now);
		error_set(&error, ERROR_TEMPORARY, "the users file cannot be read");
		check_not_served(check, &error);
		return;
	}
	verify_prepare(job, &auth->users, users_find(auth->users.users, check->user));
	if (job->known && verify_ways[job->method].cached &&
	    cache_has(&auth->cache, check->user, job->password, now)) {
		auth->counts.cache_hits++;
		decide(check);
		return;
	}
	if (verify_quick(job)) {
		decide(check);
		return;
	}
	check->state = CHECK_VERIFYING;
	timer_clear(&auth->loop.timers, &check->deadline);
	if (pool_submit(&auth->pool, &job->job, &error) < 0) {
		throttle_end(&auth->throttle, &check->ticket, THROTTLE_UNDECIDED, now);
		check_not_served(check, &error);
	}
}

void
attempt_try(struct check *check)
{
	uint64_t now = clock_milliseconds();
	unsigned doublings =
	    check->later_count < LATER_DOUBLINGS ? check->later_count : LATER_DOUBLINGS;

	switch (throttle_begin(&check->auth->throttle, &check->ticket, now)) {
	case THROTTLE_GO:
		verify(check, now);
		break;
	case THROTTLE_LATER:
		check->state = CHECK_LATER;
		check->later_count++;
		check_set_deadline(check, now + (LATER_DELAY << doublings));
		break;
	case THROTTLE_REFUSE:
		check->auth->counts.throttled++;
		check_refuse(check, "throttled");
		break;
	}
}

void
attempt_refuse(struct check *check, const char *user, const char *reason)
{
	struct throttle *throttle = &check->auth->throttle;
	uint64_t now = clock_milliseconds();

	snprintf(check->user, sizeof(check->user), "%s", user);
	throttle_ticket(throttle, &check->ticket, check->peer, user);
	if (throttle_begin(throttle, &check->ticket, now) == THROTTLE_GO)
		throttle_end(throttle, &check->ticket, THROTTLE_WRONG, now);
	check_refuse(check, reason);
}

void
attempt_begin(struct check *check, enum verify_method method, const char *user,
    const char *password, const char *timestamp)
{
	struct auth *auth = check->auth;
	struct error error;

	check->job = calloc(1, sizeof(*check->job));
	if (check->job == NULL) {
		error_set(&error, ERROR_TEMPORARY, "no memory for a check");
		check_not_served(check, &error);
		return;
	}
	auth->counts.checks++;
	snprintf(check->user, sizeof(check->user), "%s", user);
	check->job->method = method;
	check->job->owner = check;
	snprintf(check->job->password, sizeof(check->job->password), "%s", password);
	snprintf(check->job->timestamp, sizeof(check->job->timestamp), "%s", timestamp);
	throttle_ticket(&auth->throttle, &check->ticket, check->peer, user);
	attempt_try(check);
}

void
attempt_verified(struct auth *auth)
{
	struct pool_job *next;

	for (struct pool_job *done = pool_take_done(&auth->pool); done != NULL; done = next) {
		struct verify_job *job = (struct verify_job *)done;

		next = done->next;
		decide(job->owner);
	}
}
