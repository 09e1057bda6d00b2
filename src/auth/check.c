/*
 * A check from its start to its answer; see check.h for its states. attempt.c checks what talk.c
 * (SASL) or a CHECK brought.
 *
 * What a refusal tells its client does not depend on what was wrong, nor does the time: it leaves
 * at the arrival of the attempt plus a delay.
 */

#include "auth/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/attempt.h"
#include "auth/talk.h"
#include "base/clock.h"
#include "base/log.h"
#include "sasl/sasl.h"

static struct check **
bucket_of(struct auth *auth, const struct login *login, uint64_t session)
{
	/* Multiplied so that sessions that differ in their upper half only are spread as well. */
	uint64_t hash = (session ^ login->slot) * 0x9e3779b97f4a7c15;

	return &auth->checks[(hash >> 32) % CHECK_BUCKETS];
}

static void
leave_table(struct check *check)
{
	struct check **link;

	if (check->login == NULL)
		return;
	link = bucket_of(check->auth, check->login, check->session);
	while (*link != check)
		link = &(*link)->next;
	*link = check->next;
	check->login = NULL;
	check->auth->check_count--;
}

void
check_free(struct check *check)
{
	leave_table(check);
	timer_clear(&check->auth->loop.timers, &check->deadline);
	maildrops_forget(&check->wait);
	sasl_end(check->sasl);
	verify_free(check->job);
	free(check->open);
	free(check);
}

struct check *
check_find(struct login *login, uint64_t session)
{
	struct check *check = *bucket_of(login->auth, login, session);

	while (check != NULL && (check->session != session || check->login != login))
		check = check->next;
	return check;
}

/* An answer that cannot be sent is one to a process that has gone, or does not read. */
static void
answer(struct login *login, uint64_t session, enum error_kind kind)
{
	struct ipc_refused refused;
	struct error error;

	memset(&refused, 0, sizeof(refused));
	refused.session = session;
	refused.kind = kind;
	if (link_send(&login->link, IPC_REFUSED, &refused, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "answer-lost", LOG_SESSION(session), LOG_REASON(&error));
}

/* Tells login, unless it said FORGET, and ends the check. */
static void
check_end(struct check *check, enum error_kind kind)
{
	if (check->login != NULL)
		answer(check->login, check->session, kind);
	check_free(check);
}

void
check_not_served(struct check *check, const struct error *error)
{
	LOG(LOG_LEVEL_ERROR, "not-served", LOG_SESSION(check->session),
	    LOG_TEXT("user", check->user), LOG_TEXT("peer", check->peer),
	    LOG_TEXT("method", check->method), LOG_TEXT("kind", error_kind_name(error->kind)),
	    LOG_REASON(error));
	check->auth->counts.not_served++;
	/* DENIED would say that the password was wrong. */
	check_end(check, error->kind == ERROR_PERMANENT ? ERROR_PERMANENT : ERROR_TEMPORARY);
}

void
check_set_deadline(struct check *check, uint64_t at)
{
	timer_set(&check->auth->loop.timers, &check->deadline, at);
}

static void
log_refused(const struct check *check, const char *reason)
{
	LOG(LOG_LEVEL_INFO, "refused", LOG_SESSION(check->session), LOG_TEXT("user", check->user),
	    LOG_TEXT("peer", check->peer), LOG_TEXT("method", check->method),
	    LOG_TEXT("reason", reason));
	check->auth->counts.refused++;
}

/* Tells nobody before the delay is over. */
void
check_refuse(struct check *check, const char *reason)
{
	struct auth *auth = check->auth;

	log_refused(check, reason);
	verify_free(check->job);
	check->job = NULL;
	if (check->login == NULL) {
		check_free(check);
		return;
	}
	check->state = CHECK_REFUSED;
	check_set_deadline(check, check->arrived_at +
	        throttle_delay_milliseconds(&auth->throttle, &check->ticket, check->arrived_at));
}

void
check_break(struct check *check, const char *reason)
{
	log_refused(check, reason);
	check_end(check, ERROR_PROTOCOL);
}

void
check_wait_for_client(struct check *check)
{
	check->state = CHECK_TALKING;
	check_set_deadline(
	    check, clock_milliseconds() + check->auth->config.login_timeout_seconds * 1000);
}

static void
granted(struct check *check, uint32_t maildrop)
{
	struct ipc_granted granted;
	struct error error;

	memset(&granted, 0, sizeof(granted));
	granted.session = check->session;
	granted.maildrop = maildrop;
	snprintf(granted.user, sizeof(granted.user), "%s", check->user);
	snprintf(granted.method, sizeof(granted.method), "%s", check->method);
	check->auth->counts.granted++;
	if (link_send(&check->login->link, IPC_GRANTED, &granted, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "answer-lost", LOG_SESSION(check->session),
		    LOG_REASON(&error));
	check_free(check);
}

static int
serve(struct maildrop_wait *wait, struct link *maildrop, uint32_t number, struct error *error)
{
	struct check *check = wait->owner;

	if (link_send(maildrop, IPC_OPEN, check->open, -1, error) < 0)
		return -1;
	granted(check, number);
	return 0;
}

static void
not_served(struct maildrop_wait *wait, const struct error *error)
{
	check_not_served(wait->owner, error);
}

void
check_open(struct check *check, uint32_t uid, uint32_t gid, const char *root)
{
	check->wait = (struct maildrop_wait){ .auth = check->auth, .owner = check,
		.place = check->open->place, .serve = serve, .not_served = not_served };
	maildrops_find(&check->wait, uid, gid, root);
}

/* Its deadline has passed. */
static void
expired(struct timer *deadline)
{
	static const struct error late = { ERROR_TEMPORARY, "it took too long" };
	struct check *check = deadline->owner;

	if (check->state == CHECK_REFUSED)
		check_end(check, ERROR_DENIED);
	else if (check->state == CHECK_LATER)
		attempt_try(check);
	else if (check->state == CHECK_TALKING)
		check_end(check, ERROR_TEMPORARY);
	else
		check_not_served(check, &late);
}

static void
forget(struct check *check)
{
	/* What a thread has in hand still counts as right or wrong: hanging up is no way out. */
	if (check->state == CHECK_VERIFYING)
		leave_table(check);
	else
		check_free(check);
}

/*
 * NULL: it was refused on the spot. A session has one check at a time: login asks again only when
 * it has its answer, or has no use for it any more (its FORGET may have been lost).
 */
struct check *
check_new(
    struct login *login, uint64_t session, const char *method, const struct ipc_client *client)
{
	struct auth *auth = login->auth;
	struct check **bucket = bucket_of(auth, login, session);
	struct check *check = NULL, *old = check_find(login, session);

	if (old != NULL) {
		LOG(LOG_LEVEL_WARNING, "check-twice", LOG_SESSION(session));
		forget(old);
	}
	if (auth->configured && auth->check_count < CHECKS_MAX)
		check = calloc(1, sizeof(*check));
	if (check == NULL) {
		LOG(LOG_LEVEL_ERROR, "not-served", LOG_SESSION(session),
		    LOG_TEXT("peer", client->peer), LOG_TEXT("method", method),
		    LOG_TEXT("reason", "too many checks at once"));
		auth->counts.not_served++;
		answer(login, session, ERROR_TEMPORARY);
		return NULL;
	}
	check->auth = auth;
	check->deadline.expired = expired;
	check->deadline.owner = check;
	check->login = login;
	check->session = session;
	check->method = method;
	check->arrived_at = clock_milliseconds();
	snprintf(check->peer, sizeof(check->peer), "%s", client->peer);
	check->next = *bucket;
	*bucket = check;
	auth->check_count++;
	return check;
}

static void
start_check(struct login *login, struct ipc_message *message)
{
	static const struct {
		const char *name;
		enum verify_method verify;
	} methods[] = {
		[IPC_CHECK_PASS] = { "PASS", VERIFY_PASSWORD },
		[IPC_CHECK_APOP] = { "APOP", VERIFY_APOP },
	};
	const struct ipc_check *asked = &message->body.check;
	struct check *check =
	    check_new(login, asked->session, methods[asked->method].name, &asked->client);

	if (check == NULL)
		return;
	if (asked->method == IPC_CHECK_APOP && check->auth->config.apop == 0) {
		check_break(check, "apop-is-off");
		return;
	}
	attempt_begin(
	    check, methods[asked->method].verify, asked->user, asked->password, asked->timestamp);
}

static void
forget_session(struct login *login, struct ipc_message *message)
{
	struct check *check = check_find(login, message->body.forget.session);

	if (check != NULL)
		forget(check);
}

void
check_message(struct login *login, struct ipc_message *message)
{
	static const struct {
		enum ipc_type type;
		void (*handle)(struct login *, struct ipc_message *);
	} handlers[] = {
		{ IPC_CHECK, start_check },
		{ IPC_SASL_START, talk_start },
		{ IPC_SASL_STEP, talk_step },
		{ IPC_FORGET, forget_session },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == message->type)
			handlers[i].handle(login, message);
}

void
check_forget_login(struct login *login)
{
	for (size_t i = 0; i < CHECK_BUCKETS; i++) {
		struct check *next;

		for (struct check *check = login->auth->checks[i]; check != NULL; check = next) {
			next = check->next;
			if (check->login == login)
				forget(check);
		}
	}
}

void
check_free_all(struct auth *auth)
{
	struct pool_job *next;

	/* First those whose job the pool has: then nothing is the pool's any more. */
	for (struct pool_job *job = pool_close(&auth->pool); job != NULL; job = next) {
		next = job->next;
		check_free(((struct verify_job *)job)->owner);
	}
	for (size_t i = 0; i < CHECK_BUCKETS; i++)
		while (auth->checks[i] != NULL)
			check_free(auth->checks[i]);
}
