/* A client from its options to its end, and what it knows of the server. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "client/engine.h"
#include "client/options.h"

/* The bits and codes of the layers below are those of the public headers. */
_Static_assert(
    (int)OFFER_CAPA == (int)RESTANTE_HAS_CAPA && (int)OFFER_TOP == (int)RESTANTE_HAS_TOP &&
	(int)OFFER_USER == (int)RESTANTE_HAS_USER && (int)OFFER_SASL == (int)RESTANTE_HAS_SASL &&
	(int)OFFER_RESP_CODES == (int)RESTANTE_HAS_RESP_CODES &&
	(int)OFFER_LOGIN_DELAY == (int)RESTANTE_HAS_LOGIN_DELAY &&
	(int)OFFER_PIPELINING == (int)RESTANTE_HAS_PIPELINING &&
	(int)OFFER_EXPIRE == (int)RESTANTE_HAS_EXPIRE &&
	(int)OFFER_UIDL == (int)RESTANTE_HAS_UIDL &&
	(int)OFFER_IMPLEMENTATION == (int)RESTANTE_HAS_IMPLEMENTATION &&
	(int)OFFER_STLS == (int)RESTANTE_HAS_STLS &&
	(int)OFFER_AUTH_RESP_CODE == (int)RESTANTE_HAS_AUTH_RESP_CODE &&
	(int)OFFER_UTF8 == (int)RESTANTE_HAS_UTF8 &&
	(int)OFFER_UTF8_USER == (int)RESTANTE_HAS_UTF8_USER &&
	(int)OFFER_LANG == (int)RESTANTE_HAS_LANG && (int)OFFER_APOP == (int)RESTANTE_HAS_APOP,
    "capabilities");
_Static_assert(
    (int)CODE_NONE == (int)RESTANTE_CODE_NONE && (int)CODE_AUTH == (int)RESTANTE_CODE_AUTH &&
	(int)CODE_IN_USE == (int)RESTANTE_CODE_IN_USE &&
	(int)CODE_LOGIN_DELAY == (int)RESTANTE_CODE_LOGIN_DELAY &&
	(int)CODE_SYS_TEMP == (int)RESTANTE_CODE_SYS_TEMP &&
	(int)CODE_SYS_PERM == (int)RESTANTE_CODE_SYS_PERM &&
	(int)CODE_UTF8 == (int)RESTANTE_CODE_UTF8 && (int)CODE_OTHER == (int)RESTANTE_CODE_OTHER,
    "codes");
_Static_assert(OFFER_NEVER == RESTANTE_NEVER, "days");

enum step
client_end(struct restante_client *client, enum restante_result result, const char *format, ...)
{
	va_list arguments;

	if (client->phase == PHASE_OVER)
		return STEP_AGAIN;
	client->phase_at_end = client->phase;
	client->phase = PHASE_OVER;
	client->result = result;
	va_start(arguments, format);
	vsnprintf(client->error, sizeof(client->error), format, arguments);
	va_end(arguments);
	for (char *c = client->error; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7F)
			*c = '?';
	return STEP_AGAIN;
}

enum step
client_broken(struct restante_client *client, const char *format, ...)
{
	char text[CLIENT_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return client_end(client, RESTANTE_BROKEN, "the server does not speak POP3 as it should: %s", text);
}

enum step
client_no_memory(struct restante_client *client)
{
	return client_end(client, RESTANTE_MEMORY, "no memory");
}

enum restante_result
client_result(const struct restante_client *client, const struct response *response, bool is_login)
{
	static const enum restante_result results[CODE_COUNT] = {
		[CODE_NONE] = RESTANTE_REFUSED,
		[CODE_AUTH] = RESTANTE_DENIED,
		[CODE_IN_USE] = RESTANTE_IN_USE,
		[CODE_LOGIN_DELAY] = RESTANTE_LOGIN_DELAY,
		[CODE_SYS_TEMP] = RESTANTE_TEMPORARY,
		[CODE_SYS_PERM] = RESTANTE_PERMANENT,
		[CODE_UTF8] = RESTANTE_NEEDS_UTF8,
		[CODE_OTHER] = RESTANTE_REFUSED,
	};

	/* Whoever announces AUTH-RESP-CODE says [AUTH] where it is the password (RFC 3206, section 6). */
	if (is_login && response->code == CODE_NONE &&
	    (client->offer.capabilities & OFFER_AUTH_RESP_CODE) == 0)
		return RESTANTE_DENIED;
	return results[response->code];
}

enum step
client_refused(struct restante_client *client, const char *what, const struct response *response)
{
	client->code = (enum restante_code)response->code;
	return client_end(client, client_result(client, response, false), "%s: %s", what, response->text);
}

enum step
client_closed(struct restante_client *client)
{
	const struct command *command = client->sent.first;

	/* Some servers say -ERR to a login and hang up: what they said is the reason. */
	if ((client->phase == PHASE_LOGIN || client->phase == PHASE_LOGIN_LAST) &&
	    client->login.result != RESTANTE_OK)
		return client_end(client, client->login.result, "%s", client->login.text);
	return client_end(client, RESTANTE_CLOSED, "the server, or the network, closed the connection%s",
	    client->phase == PHASE_GREETING ? " before the greeting" : command == NULL ? "" :
	    command->is_under_way && command->kind->shape == SHAPE_MESSAGE ? " in the middle of a message" :
	    command->is_under_way ? " in the middle of a list" : " before it answered");
}

/* What is wrong with the options is told as the first event. */
static void
begin_protection(struct restante_client *client)
{
	const char *security = option_text(client->options, RESTANTE_SECURITY);
	const char *name = option_text_or_null(client->options, RESTANTE_SERVER_NAME);
	struct tls_client_settings settings = {
		.name = name != NULL ? name : option_text_or_null(client->options, RESTANTE_HOST),
		.ca_file = option_text_or_null(client->options, RESTANTE_CA_FILE),
		.pin = option_text_or_null(client->options, RESTANTE_PIN),
		.certificate_file = option_text_or_null(client->options, RESTANTE_CERTIFICATE_FILE),
		.key_file = option_text_or_null(client->options, RESTANTE_KEY_FILE),
		.protocol = "pop3",
	};
	struct error error;

	if (strcmp(security, "clear") == 0)
		return;
	if (settings.name == NULL) {
		client_end(client, RESTANTE_USAGE, "no host is named, and no name for its certificate");
		return;
	}
	client->is_stls = strcmp(security, "stls") == 0;
	if (tls_client_new(&client->tls, &settings, &error) != 0)
		client_end(client, error.kind == ERROR_TEMPORARY ? RESTANTE_MEMORY : RESTANTE_USAGE,
		    "%s", error.text);
	else if (!client->is_stls)
		octets_protect(client);
}

struct restante_client *
restante_client_new(const struct restante_options *options)
{
	struct restante_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->options = options_copy(options);
	if (client->options == NULL || !buffer_reserve(&client->in, INPUT_SIZE) ||
	    !buffer_reserve(&client->cipher_in,
		strcmp(option_text(options, RESTANTE_SECURITY), "clear") == 0 ? 1 : INPUT_SIZE)) {
		restante_client_free(client);
		return NULL;
	}
	client->quirks = ~0U;
	client->has_events = true;
	begin_protection(client);
	return client;
}

static void
forget_connection(struct restante_client *client)
{
	login_forget(client);
	tls_client_end(client->tls);
	client->tls = NULL;
	list_free(&client->sent);
	buffer_free(&client->out);
}

void
restante_client_free(struct restante_client *client)
{
	if (client == NULL)
		return;
	forget_connection(client);
	list_free(&client->waiting);
	list_free(&client->returned);
	buffer_free(&client->in);
	buffer_free(&client->cipher_in);
	restante_options_free(client->options);
	secret_wipe(client, sizeof(*client));
	free(client);
}

void
client_restart(struct restante_client *client)
{
	forget_connection(client);
	client->in.begin = client->in.end = client->cipher_in.begin = client->cipher_in.end = 0;
	client->phase = PHASE_GREETING;
	client->is_protected = client->is_tls_begun = client->is_closed = client->is_end_told =
	    client->is_hello_sent = client->is_dry = false;
	client->pipelining = false;
	client->has_events = true;
	client->out_taken = client->held_size = 0;
	client->login = (struct login){ 0 };
	client->result = RESTANTE_OK;
	offer_begin(&client->offer);
	begin_protection(client);
}

void
restante_client_abort(struct restante_client *client, enum restante_result reason, const char *text)
{
	client_end(client, reason, "%s", text != NULL ? text : restante_result_text(reason));
}

static enum restante_event_type
tell_end(struct restante_client *client)
{
	if (client->is_end_told) {
		client->has_events = false;
		return RESTANTE_EVENT_NONE;
	}
	client->is_end_told = true;
	client->event = (struct restante_event){ .type = RESTANTE_EVENT_END, .result = client->result,
		.code = client->code, .text = client->error };
	return RESTANTE_EVENT_END;
}

enum restante_event_type
restante_client_next(struct restante_client *client, const struct restante_event **event)
{
	*event = &client->event;
	client->event = (struct restante_event){ .text = "" };
	for (;;) {
		enum step step = STEP_AGAIN;

		if (client->phase != PHASE_OVER) {
			commands_leave(client);
			octets_receive(client);
		}
		if (client->phase == PHASE_OVER)
			return tell_end(client);
		step = replies_step(client);
		if (client->event.type != RESTANTE_EVENT_NONE)
			return client->event.type;
		if (step == STEP_NEED) {
			client->has_events = false;
			return RESTANTE_EVENT_NONE;
		}
		client->event = (struct restante_event){ .text = "" };
	}
}

unsigned
restante_client_capabilities(const struct restante_client *client)
{
	return client->offer.capabilities | (client->timestamp[0] != '\0' ? RESTANTE_HAS_APOP : 0);
}

long
restante_client_expire_days(const struct restante_client *client)
{
	return client->offer.expire_days;
}

long
restante_client_login_delay_seconds(const struct restante_client *client)
{
	return client->offer.login_delay_seconds;
}

const char *
restante_client_implementation(const struct restante_client *client)
{
	return client->offer.implementation;
}

const char *
restante_client_mechanisms(const struct restante_client *client)
{
	return client->offer.mechanisms;
}

const char *
restante_client_mechanism(const struct restante_client *client)
{
	return client->mechanism;
}

const char *
restante_client_protection(const struct restante_client *client)
{
	return client->protection;
}

const char *
restante_client_pin(const struct restante_client *client)
{
	return client->tls != NULL ? tls_client_pin(client->tls) : "";
}

const char *
restante_client_error(const struct restante_client *client)
{
	return client->error;
}
