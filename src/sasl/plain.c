/*
 * PLAIN (RFC 4616): one message of the client's, "authorization NUL user NUL password".
 *
 * libgsasl reads the message and judges its form. Name and password are then taken from the message
 * as they came, not as libgsasl prepared them (RFC 4013), and also where it cannot prepare them: it
 * knows Unicode 3.2 only, without most emoji. A stored hash was made of the octets that PASS sends,
 * whatever they are, and the same password must open the maildrop by either way.
 */

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "sasl/steps.h"

struct plain {
	Gsasl *library;
	Gsasl_session *session;
};

static int
accept_all(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	(void)library;
	(void)session;
	/* Somebody else checks the password: whoever gets SASL_VERIFY. */
	return property == GSASL_VALIDATE_SIMPLE ? GSASL_OK : GSASL_NO_CALLBACK;
}

/* The library's copy of the password lives as long as the session; the octets need not. */
static void
wipe_copy(Gsasl_session *session)
{
	char *copy = (char *)gsasl_property_fast(session, GSASL_PASSWORD);

	if (copy != NULL)
		secret_wipe(copy, strlen(copy));
}

static void
plain_end(void *exchange)
{
	struct plain *plain = exchange;

	if (plain->session != NULL)
		gsasl_finish(plain->session);
	if (plain->library != NULL)
		gsasl_done(plain->library);
	free(plain);
}

static void *
plain_begin(void)
{
	struct plain *plain = calloc(1, sizeof(*plain));

	if (plain == NULL)
		return NULL;
	if (gsasl_init(&plain->library) != GSASL_OK ||
	    gsasl_server_start(plain->library, "PLAIN", &plain->session) != GSASL_OK) {
		plain_end(plain);
		return NULL;
	}
	gsasl_callback_set(plain->library, accept_all);
	return plain;
}

/* The message has exactly two NULs. */
static enum sasl_result
take_apart(const char *message, size_t size, struct sasl_credentials *credentials)
{
	const char *end = message + size;
	const char *user = memchr(message, '\0', size);
	const char *password =
	    user == NULL ? NULL : memchr(user + 1, '\0', (size_t)(end - user - 1));

	if (password == NULL)
		return SASL_BROKEN;
	user++;
	password++;
	if (user - message > 1 &&
	    !sasl_take(credentials->authorization, sizeof(credentials->authorization), message,
		(size_t)(user - message - 1)))
		return SASL_BROKEN;
	if (!sasl_take(credentials->user, sizeof(credentials->user), user,
		(size_t)(password - user - 1)))
		return SASL_BROKEN;
	return sasl_take_password(credentials, password, (size_t)(end - password));
}

static enum sasl_result
plain_step(void *exchange, const void *input, size_t input_size, void *output, size_t *output_size,
    struct sasl_credentials *credentials)
{
	struct plain *plain = exchange;
	char *answer = NULL;
	size_t answer_size = 0;
	int status;

	(void)output;
	if (input == NULL) {
		*output_size = 0;
		return SASL_CHALLENGE;
	}
	status = gsasl_step(plain->session, input, input_size, &answer, &answer_size);
	gsasl_free(answer);
	wipe_copy(plain->session);
	/* An empty message is GSASL_NEEDS_MORE to libgsasl, but the client has had its chance. */
	if (status != GSASL_OK && status != GSASL_SASLPREP_ERROR)
		return SASL_BROKEN;
	return take_apart(input, input_size, credentials);
}

const struct sasl_steps sasl_plain = { "PLAIN", plain_begin, plain_step, plain_end };
