/*
 * OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2, which Google and Microsoft describe: a token of
 * OAuth 2 instead of a password. Both say all in one message. A server that does not take it says why in
 * a challenge, JSON, and sends its -ERR when that is answered.
 */

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "base/writer.h"
#include "sasl/client_steps.h"

#define TOKEN_MAX    16384
#define MESSAGE_SIZE (TOKEN_MAX + 2048)

struct oauth {
	bool is_bearer;
	struct writer message;
	char buffer[MESSAGE_SIZE];
};

static void
end(void *exchange)
{
	secret_wipe(exchange, sizeof(struct oauth));
	free(exchange);
}

/* RFC 5801, section 4: "," and "=" have other spellings in a name. */
static void
put_name(struct writer *writer, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == ',')
			writer_text(writer, "=2C");
		else if (*name == '=')
			writer_text(writer, "=3D");
		else
			writer_put(writer, name, 1);
	}
}

static void
put_token(struct writer *writer, const char *token)
{
	writer_text(writer, "auth=Bearer ");
	writer_text(writer, token);
	writer_text(writer, "\1\1");
}

/* RFC 7628, section 3.1. */
static void
write_bearer(struct writer *writer, const struct sasl_client_secrets *secrets, const char *whose)
{
	writer_text(writer, "n,");
	if (whose != NULL) {
		writer_text(writer, "a=");
		put_name(writer, whose);
	}
	writer_text(writer, ",\1");
	if (secrets->host != NULL && *secrets->host != '\0')
		writer_printf(writer, "host=%s\1", secrets->host);
	if (secrets->port != 0)
		writer_printf(writer, "port=%u\1", secrets->port);
	put_token(writer, secrets->token);
}

/* The token is b64token of RFC 6750, section 2.1; what is none could end the message early. */
static bool
is_token(const char *text)
{
	size_t length = strlen(text);

	return length <= TOKEN_MAX && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-._~+/=") == length;
}

static int
begin(void **out, const char *mechanism, const struct sasl_client_secrets *secrets, struct error *error)
{
	const char *whose = secrets->authorization != NULL && *secrets->authorization != '\0' ?
	    secrets->authorization : secrets->user;
	struct oauth *oauth;

	if (!is_token(secrets->token))
		return error_set(error, ERROR_PERMANENT, "the token is none of OAuth 2, or longer than %d octets",
		    TOKEN_MAX);
	if (whose != NULL && (strchr(whose, 1) != NULL || strlen(whose) >= USER_SIZE))
		return error_set(error, ERROR_PERMANENT, "a user name that %s cannot carry", mechanism);
	oauth = calloc(1, sizeof(*oauth));
	if (oauth == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a SASL exchange");
	oauth->is_bearer = strcmp(mechanism, "OAUTHBEARER") == 0;
	writer_init(&oauth->message, oauth->buffer, sizeof(oauth->buffer), NULL, NULL);
	if (oauth->is_bearer) {
		write_bearer(&oauth->message, secrets, whose != NULL && *whose != '\0' ? whose : NULL);
	} else {
		writer_printf(&oauth->message, "user=%s\1", whose);
		put_token(&oauth->message, secrets->token);
	}
	if (oauth->message.failed) {
		end(oauth);
		return error_set(error, ERROR_PERMANENT, "the names are too long for %s", mechanism);
	}
	*out = oauth;
	return 0;
}

static int
step(void *exchange, struct client_turn *turn, struct error *error)
{
	struct oauth *oauth = exchange;

	if (turn->challenge == NULL) {
		turn->is_done = true;
		return client_respond(turn, oauth->buffer, oauth->message.used, error);
	}
	turn->problem = turn->challenge;
	/* RFC 7628, section 3.2.3: a lone 0x01; an empty line with XOAUTH2. */
	return client_respond(turn, "\1", oauth->is_bearer ? 1 : 0, error);
}

const struct client_steps client_oauth = { begin, step, end };
