/*
 * AUTH (RFC 5034): the steps of a mechanism, in base64. The first response leaves with AUTH where the
 * mechanism begins, the server announces SASL at all, and the line fits; else behind an empty challenge.
 */

#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "client/engine.h"
#include "client/options.h"

#define COMMAND_OCTETS_MAX 255	/* with CRLF: RFC 2449, section 4 */

static enum step auth_answered(struct restante_client *, struct command *, struct response *);

static const struct command_kind auth = { .shape = SHAPE_LINE, .answered = auth_answered };

void
exchange_secrets(struct restante_client *client, struct sasl_client_secrets *secrets, unsigned char *binding)
{
	const struct restante_options *options = client->options;
	const char *name = option_text(options, RESTANTE_SERVER_NAME);

	*secrets = (struct sasl_client_secrets){
		.user = option_text_or_null(options, RESTANTE_USER),
		.password = option_text_or_null(options, RESTANTE_PASSWORD),
		.authorization = option_text_or_null(options, RESTANTE_AUTHORIZATION),
		.token = option_text_or_null(options, RESTANTE_TOKEN),
		.host = name[0] != '\0' ? name : option_text(options, RESTANTE_HOST),
		.service = "pop",
		.port = (unsigned)option_number(options, RESTANTE_PORT),
		.protected = client->is_protected,
		.certificate = client->is_protected &&
		    option_text(options, RESTANTE_CERTIFICATE_FILE)[0] != '\0',
	};
	if (client->is_protected)
		secrets->binding_type = tls_client_binding(client->tls, binding, &secrets->binding_size);
	if (secrets->binding_type != NULL)
		secrets->binding = binding;
}

/* In base64, at the end of the buffer. False: no memory. */
static bool
put_base64(struct buffer *buffer, const char *octets, size_t size)
{
	if (!buffer_reserve(buffer, BASE64_ENCODE_RAW_LENGTH(size)))
		return false;
	base64_encode_raw(buffer->octets + buffer->end, size, (const uint8_t *)octets);
	buffer->end += BASE64_ENCODE_RAW_LENGTH(size);
	return true;
}

/* The mechanism's answer, in base64. -1: *error; its kind is ERROR_TEMPORARY where there is no memory. */
static int
step_take(struct restante_client *client, const void *challenge, size_t size, struct buffer *answer,
    struct error *error)
{
	size_t response_size = SASL_CLIENT_RESPONSE_SIZE;
	char *response = malloc(response_size);
	int result;

	if (response == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory");
	result = sasl_client_step(client->login.sasl, challenge, size, response, &response_size, error);
	if (result == 0 && !put_base64(answer, response, response_size))
		result = error_set(error, ERROR_TEMPORARY, "no memory");
	secret_wipe(response, SASL_CLIENT_RESPONSE_SIZE);
	free(response);
	return result;
}

/* A response is a line of the command that is under way. */
static enum step
say_response(struct restante_client *client, const char *text, size_t size, bool is_secret)
{
	if (!buffer_put(&client->out, text, size) || !buffer_put(&client->out, "\r\n", 2))
		return client_no_memory(client);
	client->sent.first->end = client->out_taken + buffer_used(&client->out);
	trace_said(client, is_secret ? "[...]" : "*");
	return STEP_AGAIN;
}

/* With SCRAM the name comes first and the proof second; anything else has the proof in its first response. */
static void
note_response(struct restante_client *client)
{
	struct login *login = &client->login;

	login->step_count++;
	login->is_proven = login->step_count >= (strncmp(login->mechanism, "SCRAM-", 6) == 0 ? 2U : 1U);
}

/* The server has all that it needs, but may refuse OAuth's token with a challenge (RFC 7628, section 3.2.3). */
static void
look_whether_last(struct restante_client *client)
{
	if (sasl_client_is_done(client->login.sasl) && strstr(client->login.mechanism, "OAUTH") == NULL)
		login_last_said(client);
}

static bool
leaves_with_auth(struct restante_client *client, size_t line_size)
{
	return (client->offer.capabilities & OFFER_SASL) != 0 && !client->login.no_initial &&
	    line_size <= COMMAND_OCTETS_MAX && !(strcmp(client->login.mechanism, "XOAUTH2") == 0 &&
	    quirk(client, QUIRK_XOAUTH2_IN_TWO_STEPS));
}

static void
say_auth(struct restante_client *client)
{
	struct login *login = &client->login;
	size_t first_size = buffer_used(&login->first);
	char masked[64];

	if (!sasl_client_speaks_first(login->sasl) ||
	    !leaves_with_auth(client, strlen("AUTH  \r\n") + strlen(login->mechanism) + first_size)) {
		login->is_first_due = sasl_client_speaks_first(login->sasl);
		snprintf(masked, sizeof(masked), "AUTH %s", login->mechanism);
		command_say(client, &auth, masked, "AUTH %s", login->mechanism);
		return;
	}
	snprintf(masked, sizeof(masked), "AUTH %s [...]", login->mechanism);
	/* An empty one is "=" (RFC 5034, section 4). */
	command_say(client, &auth, masked, "AUTH %s %.*s", login->mechanism,
	    first_size > 0 ? (int)first_size : 1,
	    first_size > 0 ? login->first.octets + login->first.begin : "=");
	note_response(client);
	look_whether_last(client);
}

int
exchange_begin(struct restante_client *client, const char *mechanism)
{
	struct login *login = &client->login;
	unsigned char binding[TLS_CLIENT_BINDING_SIZE];
	struct sasl_client_secrets secrets;
	struct error error;

	exchange_secrets(client, &secrets, binding);
	login->mechanism = mechanism;
	if (sasl_client_begin(&login->sasl, mechanism, &secrets, &error) == 0 &&
	    (!sasl_client_speaks_first(login->sasl) ||
		step_take(client, NULL, 0, &login->first, &error) == 0)) {
		say_auth(client);
		return 0;
	}
	login_forget(client);
	if (login->result == RESTANTE_OK) {
		login->result = error.kind == ERROR_TEMPORARY ? RESTANTE_MEMORY : RESTANTE_NO_MECHANISM;
		snprintf(login->text, sizeof(login->text), "%s cannot be used: %s", mechanism, error.text);
	}
	return -1;
}

/* RFC 5034, section 4: "*" ends the exchange, and -ERR answers it. */
static enum step
cancel(struct restante_client *client, enum restante_result result, const char *text)
{
	struct login *login = &client->login;
	const char *problem = sasl_client_problem(login->sasl);

	login->is_cancelled = true;
	login->result = result;
	snprintf(login->text, sizeof(login->text), "the login with %s fails: %s%s%s", login->mechanism, text,
	    problem != NULL ? ": " : "", problem != NULL ? problem : "");
	return say_response(client, "*", 1, false);
}

/*
 * The server wants a response after the last one. Where commands have left behind it, it has read the first
 * of them as one: the reply that comes next is to that, and the command has none.
 */
static enum step
more_wanted(struct restante_client *client, struct command *command)
{
	struct login *login = &client->login;
	const struct buffer *first = &login->first;

	login->no_early = true;
	if (command->next != NULL && quirk(client, QUIRK_RESPONSE_TAKEN_FROM_COMMAND)) {
		struct command *taken = command->next;

		login->is_cancelled = login->no_initial = true;
		login->tried = login->tried_before;
		return command_was_taken(client, taken);
	}
	if (command->next == NULL && login->step_count == 1 && buffer_used(first) > 0 && !login->no_initial &&
	    quirk(client, QUIRK_INITIAL_RESPONSE_IGNORED)) {
		login->no_initial = true;
		return say_response(client, first->octets + first->begin, buffer_used(first), true);
	}
	return client_broken(client, "it wants more after the last step of %s", login->mechanism);
}

static enum step
answer_challenge(struct restante_client *client, const char *text)
{
	struct base64_decode_ctx context;
	uint8_t challenge[BASE64_DECODE_LENGTH(REPLY_OCTETS_MAX)];
	struct buffer answer = { 0 };
	size_t size = sizeof(challenge);
	struct error error;
	enum step step;

	base64_decode_init(&context);
	if (!base64_decode_update(&context, &size, challenge, strlen(text), text) ||
	    !base64_decode_final(&context))
		return client_broken(client, "its challenge is no base64");
	if (step_take(client, challenge, size, &answer, &error) == 0) {
		step = say_response(client, answer.octets, buffer_used(&answer), true);
		note_response(client);
		look_whether_last(client);
	} else if (error.kind == ERROR_PROTOCOL)
		step = client_broken(client, "%s", error.text);
	else if (error.kind == ERROR_TEMPORARY)
		step = client_no_memory(client);
	else
		step = cancel(client,
		    error.kind == ERROR_DENIED ? RESTANTE_DENIED : RESTANTE_NO_MECHANISM,
		    error.text);
	buffer_free(&answer);
	secret_wipe(challenge, sizeof(challenge));
	return step;
}

static enum step
challenged(struct restante_client *client, struct command *command, const char *text)
{
	struct login *login = &client->login;

	if (login->is_cancelled || login->step_count >= LOGIN_STEPS_MAX)
		return client_broken(client, "its challenges have no end");
	if (login->is_first_due) {
		enum step step = say_response(client, login->first.octets + login->first.begin,
		    buffer_used(&login->first), true);

		login->is_first_due = false;
		note_response(client);
		look_whether_last(client);
		return step;
	}
	if (client->phase == PHASE_LOGIN_LAST)
		return more_wanted(client, command);
	return answer_challenge(client, text);
}

static enum step
auth_answered(struct restante_client *client, struct command *command, struct response *response)
{
	struct login *login = &client->login;

	switch (response->status) {
	case RESPONSE_CHALLENGE:
		return challenged(client, command, response->text);
	case RESPONSE_OK:
		if (!login->is_cancelled && login->step_count == 0 && quirk(client, QUIRK_OK_FOR_CHALLENGE))
			return challenged(client, command, "");
		/* Whoever says so before the mechanism is content does not know the password (RFC 5802). */
		if (login->is_cancelled || !sasl_client_is_done(login->sasl))
			return client_broken(client,
			    "it accepts the login before %s has come to its end: this is not"
			    " the server that knows the password",
			    login->mechanism);
		command_free(list_take(&client->sent));
		return login_accepted(client);
	case RESPONSE_ERROR:
		break;
	}
	command_free(list_take(&client->sent));
	return login_refused(client, response);
}
