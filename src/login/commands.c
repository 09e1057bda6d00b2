/*
 * The commands of the AUTHORIZATION state: one row and one function each. Those of the TRANSACTION
 * state have rows too, so that a client learns what it did wrong.
 */

#include "login/commands.h"

#include <stdlib.h>
#include <string.h>

#include "login/authentication.h"
#include "login/connection.h"
#include "login/greeting.h"
#include "login/login.h"
#include "login/sasl.h"
#include "pop3/reply.h"
#include "pop3/request.h"

struct command {
	const char *keyword;
	enum request_arguments arguments;
	void (*run)(struct connection *, struct request *);
};

/* RFC 1939, section 7. What is hashed is the timestamp that this connection was greeted with. */
static void
cmd_apop(struct connection *c, struct request *request)
{
	char timestamp[TEXT_SIZE];

	if (c->domain == NULL || c->login->settings.apop == 0) {
		connection_bad(c, "APOP is not offered here");
		return;
	}
	greeting_timestamp(c->domain, c->session, timestamp);
	authentication_check(c, IPC_CHECK_APOP, request->words[0], request->words[1], timestamp);
}

/* RFC 5034. Without an argument (Outlook sends a space) it asks for the mechanisms. */
static void
cmd_auth(struct connection *c, struct request *request)
{
	if (request->words[0][0] == '\0')
		sasl_list(c);
	else
		sasl_begin(c, request->words[0]);
}

static void
cmd_capa(struct connection *c, struct request *request)
{
	struct capabilities capabilities;
	char sasl[TEXT_SIZE];

	(void)request;
	connection_capabilities(c, &capabilities, sasl, sizeof(sasl));
	capabilities_write(out_of(c), &capabilities);
}

/* The password is not even looked at: it has been seen on the way. */
static void
refuse_clear_text(struct connection *c)
{
	connection_refuse(c, ERROR_DENIED, "TLS required before a password may be sent");
}

static void
cmd_pass(struct connection *c, struct request *request)
{
	if (!connection_takes_passwords(c)) {
		refuse_clear_text(c);
		return;
	}
	if (c->user == NULL) {
		connection_bad(c, "USER comes first");
		return;
	}
	authentication_check(c, IPC_CHECK_PASS, c->user, request->words[0], "");
	/* Whatever the answer is, PASS comes right behind USER: RFC 1939, section 7. */
	free(c->user);
	c->user = NULL;
}

static void
cmd_quit(struct connection *c, struct request *request)
{
	(void)request;
	reply_ok(out_of(c), "goodbye");
	connection_finish(c, "QUIT");
}

static void
cmd_stls(struct connection *c, struct request *request)
{
	(void)request;
	if (connection_is_protected(c)) {
		connection_bad(c, "TLS is in use already");
		return;
	}
	if (c->tls_mode != CONFIG_TLS_STLS || c->login->keyring.tls == NULL) {
		connection_bad(c, "TLS is not offered here");
		return;
	}
	reply_ok(out_of(c), "begin TLS");
	connection_protect(c);
}

/* The same answer for every name: who has a mailbox is nobody's business. */
static void
cmd_user(struct connection *c, struct request *request)
{
	char *user;

	if (!connection_takes_passwords(c)) {
		refuse_clear_text(c);
		return;
	}
	user = strdup(request->words[0]);
	if (user == NULL) {
		reply_failure(out_of(c), ERROR_TEMPORARY, "no memory");
		return;
	}
	free(c->user);
	c->user = user;
	reply_ok(out_of(c), "send PASS");
}

static void
log_in_first(struct connection *c, struct request *request)
{
	(void)request;
	connection_bad(c, "log in first");
}

/* Nothing that follows will be POP3. */
static void
not_a_client(struct connection *c, struct request *request)
{
	(void)request;
	reply_error(out_of(c), "this is a POP3 server");
	connection_finish(c, "an HTTP request");
}

static const struct command commands[] = {
	{ "APOP", ARGS_TWO_WORDS,  cmd_apop },
	{ "AUTH", ARGS_MAYBE_REST, cmd_auth },
	{ "CAPA", ARGS_NONE,       cmd_capa },
	{ "PASS", ARGS_VERBATIM,   cmd_pass },
	{ "QUIT", ARGS_NONE,       cmd_quit },
	{ "STLS", ARGS_NONE,       cmd_stls },
	{ "USER", ARGS_REST,       cmd_user },

	{ "DELE", ARGS_MAYBE_REST, log_in_first },
	{ "LAST", ARGS_MAYBE_REST, log_in_first },
	{ "LIST", ARGS_MAYBE_REST, log_in_first },
	{ "NOOP", ARGS_MAYBE_REST, log_in_first },
	{ "RETR", ARGS_MAYBE_REST, log_in_first },
	{ "RSET", ARGS_MAYBE_REST, log_in_first },
	{ "STAT", ARGS_MAYBE_REST, log_in_first },
	{ "TOP",  ARGS_MAYBE_REST, log_in_first },
	{ "UIDL", ARGS_MAYBE_REST, log_in_first },

	{ "CONNECT", ARGS_MAYBE_REST, not_a_client },
	{ "GET",     ARGS_MAYBE_REST, not_a_client },
	{ "HEAD",    ARGS_MAYBE_REST, not_a_client },
	{ "HOST:",   ARGS_MAYBE_REST, not_a_client },
	{ "OPTIONS", ARGS_MAYBE_REST, not_a_client },
	{ "POST",    ARGS_MAYBE_REST, not_a_client },
	{ "PUT",     ARGS_MAYBE_REST, not_a_client },
};

void
commands_line(struct connection *c, char *line)
{
	struct request request;

	request_begin(&request, line);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const char *problem;

		if (strcmp(request.keyword, commands[i].keyword) != 0)
			continue;
		problem = request_arguments(&request, commands[i].arguments);
		if (problem != NULL)
			connection_bad(c, problem);
		else
			commands[i].run(c, &request);
		return;
	}
	connection_bad(c, "unknown command");
}
