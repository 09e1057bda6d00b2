/* See authentication.h. */

#include "login/authentication.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "login/connection.h"
#include "login/login.h"
#include "login/sasl.h"

/*
 * What a refused client is told. The same words for an unknown user and a wrong password; and never
 * "lock" or "wait", which fetchmail takes for a maildrop that is busy.
 */
static const char *const refusals[ERROR_KIND_COUNT] = {
	[ERROR_NONE] = "login failed",
	[ERROR_TEMPORARY] = "login is not possible at the moment",
	[ERROR_PERMANENT] = "the server cannot open this maildrop",
	[ERROR_BUSY] = "the maildrop is in use",
	[ERROR_DENIED] = "wrong user name or password",
	[ERROR_GONE] = "login is not possible at the moment",
	[ERROR_PROTOCOL] = "invalid message for this mechanism",
	[ERROR_FULL] = "login is not possible at the moment",
};

static struct connection **
place_of(struct login *login, uint64_t session)
{
	struct connection **place = &login->asking[session & (ASKING_BUCKETS - 1)];

	while (*place != NULL && (*place)->session != session)
		place = &(*place)->next_asking;
	return place;
}

static void
leave(struct connection *c)
{
	struct connection **place = place_of(c->login, c->session);

	*place = c->next_asking;
	c->next_asking = NULL;
	c->asking = false;
}

static void
refuse_for_now(struct connection *c)
{
	connection_refuse(c, ERROR_TEMPORARY, refusals[ERROR_TEMPORARY]);
}

/* Asks, or answers the client that nobody can be asked. */
static void
ask(struct connection *c, enum ipc_type type, const void *body)
{
	struct login *login = c->login;
	struct error error;

	if (link_send(&login->auth, type, body, -1, &error) < 0) {
		LOG(LOG_LEVEL_WARNING, "auth-unreachable", LOG_SESSION(c->session),
		    LOG_REASON(&error));
		if (c->asking)
			leave(c);
		refuse_for_now(c);
		return;
	}
	c->state = CONNECTION_ASKING;
	if (c->asking)
		return;
	c->asking = true;
	c->next_asking = login->asking[c->session & (ASKING_BUCKETS - 1)];
	login->asking[c->session & (ASKING_BUCKETS - 1)] = c;
}

static void
fill_client(const struct connection *c, struct ipc_client *client)
{
	peer_text(&c->peer, client->peer);
	client->tls = connection_is_protected(c);
	client->loopback = peer_is_loopback(&c->peer);
}

void
authentication_check(struct connection *c, enum ipc_check_method method, const char *user,
    const char *password, const char *timestamp)
{
	struct ipc_check check;

	memset(&check, 0, sizeof(check));
	check.session = c->session;
	check.method = method;
	fill_client(c, &check.client);
	/* A command line is shorter than these. */
	snprintf(check.user, sizeof(check.user), "%s", user);
	snprintf(check.password, sizeof(check.password), "%s", password);
	snprintf(check.timestamp, sizeof(check.timestamp), "%s", timestamp);
	ask(c, IPC_CHECK, &check);
	secret_wipe(&check, sizeof(check));
}

void
authentication_sasl_start(struct connection *c, struct ipc_sasl_start *start)
{
	start->session = c->session;
	fill_client(c, &start->client);
	ask(c, IPC_SASL_START, start);
}

void
authentication_sasl_step(struct connection *c, const struct ipc_sasl_data *step)
{
	/* The auth that knew about it may have gone meanwhile. */
	if (c->asking)
		ask(c, IPC_SASL_STEP, step);
	else
		refuse_for_now(c);
}

void
authentication_forget(struct connection *c)
{
	struct ipc_forget forget = { .session = c->session };
	struct error error;

	if (!c->asking)
		return;
	leave(c);
	/* If it cannot be told it has gone itself, or finds out when the session asks again. */
	(void)link_send(&c->login->auth, IPC_FORGET, &forget, -1, &error);
}

static void
log_login(const struct connection *c, const struct ipc_granted *granted)
{
	char peer[PEER_SIZE];

	peer_text(&c->peer, peer);
	if (connection_is_protected(c))
		LOG(LOG_LEVEL_INFO, "login", LOG_SESSION(c->session),
		    LOG_TEXT("user", granted->user), LOG_TEXT("method", granted->method),
		    LOG_TEXT("peer", peer), LOG_TEXT("tls", tls_version(c->stream.tls)),
		    LOG_TEXT("cipher", tls_cipher(c->stream.tls)));
	else
		LOG(LOG_LEVEL_INFO, "login", LOG_SESSION(c->session),
		    LOG_TEXT("user", granted->user), LOG_TEXT("method", granted->method),
		    LOG_TEXT("peer", peer), LOG_TEXT("tls", "none"));
}

/* The handover follows when the last reply has gone. */
static void
granted(struct connection *c, struct ipc_message *message)
{
	leave(c);
	log_login(c, &message->body.granted);
	c->granted = true;
	c->maildrop = message->body.granted.maildrop;
}

static void
refused(struct connection *c, struct ipc_message *message)
{
	enum error_kind kind = message->body.refused.kind;

	leave(c);
	if (kind == ERROR_PROTOCOL)
		connection_bad(c, refusals[kind]);
	else
		connection_refuse(c, kind, refusals[kind]);
}

static void
challenged(struct connection *c, struct ipc_message *message)
{
	sasl_challenge(c, message->body.sasl_data.data, message->body.sasl_data.size);
}

static const struct {
	enum ipc_type type;
	void (*run)(struct connection *, struct ipc_message *);
} answers[] = {
	{ IPC_GRANTED, granted },
	{ IPC_REFUSED, refused },
	{ IPC_SASL_CHALLENGE, challenged },
};

/* Every answer starts with the session, and none is for a client that has gone. */
void
authentication_answered(struct login *login, struct ipc_message *message)
{
	uint64_t session;
	struct connection *c;

	memcpy(&session, &message->body, sizeof(session));
	c = *place_of(login, session);
	if (c != NULL && c->state == CONNECTION_SASL && message->type == IPC_REFUSED) {
		/* It took auth too long: the client is told when it answers the challenge. */
		leave(c);
	} else if (c != NULL && c->state == CONNECTION_ASKING) {
		connection_begin(c);
		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
			if (answers[i].type == message->type)
				answers[i].run(c, message);
		connection_resume(c);
	}
}

/* Who waits is told, and who answers a challenge will be. */
void
authentication_lost(struct login *login)
{
	struct connection *lost = NULL, *c;

	for (size_t i = 0; i < ASKING_BUCKETS; i++) {
		while ((c = login->asking[i]) != NULL) {
			login->asking[i] = c->next_asking;
			c->asking = false;
			c->next_asking = lost;
			lost = c;
		}
	}
	while ((c = lost) != NULL) {
		lost = c->next_asking;
		c->next_asking = NULL;
		if (c->state != CONNECTION_ASKING)
			continue;
		connection_begin(c);
		refuse_for_now(c);
		connection_resume(c);
	}
}
