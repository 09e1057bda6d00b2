/*
 * The mechanisms that libgsasl has: SCRAM, EXTERNAL, GSSAPI, DIGEST-MD5, CRAM-MD5, PLAIN, LOGIN.
 *
 * libgsasl 2.2 cannot say "y" in SCRAM without -PLUS (the client could bind the channel, the server
 * could not: RFC 5802, section 6): it then calls its own message invalid. So without -PLUS it knows
 * nothing of the channel and says "n".
 */

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/secret.h"
#include "sasl/base64.h"
#include "sasl/client_steps.h"

/*
 * How often SCRAM hashes is the server's choice: one that means to keep us busy is refused, and one that
 * means to guess the password from our proof, where nothing protects it (RFC 7677, section 4).
 */
#define ITERATIONS_MIN 4096
#define ITERATIONS_MAX 600000	/* more than a second */

struct exchange {
	Gsasl *library;
	Gsasl_session *session;
	const char *mechanism;
	bool is_scram, is_protected;
	unsigned turn_count;
};

/* What a session may hold of the password; the library frees it as it is. */
static const Gsasl_property secret_properties[] = { GSASL_PASSWORD, GSASL_SCRAM_SALTED_PASSWORD,
	GSASL_SCRAM_SERVERKEY, GSASL_SCRAM_STOREDKEY };

#define SECRET_COUNT (sizeof(secret_properties) / sizeof(secret_properties[0]))

static void
end(void *context)
{
	struct exchange *exchange = context;

	for (size_t i = 0; exchange->session != NULL && i < SECRET_COUNT; i++) {
		char *copy = (char *)gsasl_property_fast(exchange->session, secret_properties[i]);

		if (copy != NULL)
			secret_wipe(copy, strlen(copy));
	}
	if (exchange->session != NULL)
		gsasl_finish(exchange->session);
	if (exchange->library != NULL)
		gsasl_done(exchange->library);
	free(exchange);
}

static int
set_property(struct exchange *exchange, Gsasl_property property, const char *value)
{
	return value == NULL || *value == '\0' ? GSASL_OK : gsasl_property_set(exchange->session, property, value);
}

/* The channel binding, as the library wants it: in base64. */
static int
set_binding(struct exchange *exchange, const struct sasl_client_secrets *secrets)
{
	char text[BASE64_SIZE(256)];

	if (secrets->binding_size > 256)
		return GSASL_MALLOC_ERROR;
	base64_text(text, secrets->binding, secrets->binding_size);
	return gsasl_property_set(exchange->session,
	    strcmp(secrets->binding_type, "tls-unique") == 0 ? GSASL_CB_TLS_UNIQUE : GSASL_CB_TLS_EXPORTER, text);
}

static int
set_properties(struct exchange *exchange, const struct sasl_client_secrets *secrets)
{
	size_t length = strlen(exchange->mechanism);
	int status = set_property(exchange, GSASL_AUTHID, secrets->user);

	if (status == GSASL_OK)
		status = set_property(exchange, GSASL_AUTHZID, secrets->authorization);
	/* An empty one is one, too. */
	if (status == GSASL_OK && secrets->password != NULL)
		status = gsasl_property_set(exchange->session, GSASL_PASSWORD, secrets->password);
	if (status == GSASL_OK)
		status = set_property(exchange, GSASL_SERVICE, secrets->service);
	if (status == GSASL_OK)
		status = set_property(exchange, GSASL_HOSTNAME, secrets->host);
	if (status == GSASL_OK && length > 5 && strcmp(exchange->mechanism + length - 5, "-PLUS") == 0)
		status = set_binding(exchange, secrets);
	return status;
}

static int
begin(void **out, const char *mechanism, const struct sasl_client_secrets *secrets, struct error *error)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a SASL exchange");
	exchange->mechanism = mechanism;
	exchange->is_scram = strncmp(mechanism, "SCRAM-", 6) == 0;
	exchange->is_protected = secrets->protected;
	if (gsasl_init(&exchange->library) != GSASL_OK ||
	    gsasl_client_start(exchange->library, mechanism, &exchange->session) != GSASL_OK ||
	    set_properties(exchange, secrets) != GSASL_OK) {
		end(exchange);
		return error_set(error, ERROR_PERMANENT, "libgsasl cannot begin %s", mechanism);
	}
	*out = exchange;
	return 0;
}

/* A number up to the next attribute. */
static bool
scan_number(uint64_t *number, const char *text)
{
	size_t length = strcspn(text, ",");
	char digits[NUMBER_DIGITS_MAX + 1];

	if (length >= sizeof(digits))
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	return number_parse(digits, number);
}

/* What the server sends in SCRAM, before libgsasl works on it: RFC 5802, section 5.1. */
static int
check_scram(const struct exchange *exchange, struct client_turn *turn, struct error *error)
{
	const char *text = turn->challenge, *attribute;
	uint64_t iterations;

	if (strlen(text) != turn->challenge_size)
		return error_set(error, ERROR_PROTOCOL, "a NUL in a message of SCRAM");
	if (strncmp(text, "e=", 2) == 0) {
		turn->problem = text + 2;
		return error_set(error, ERROR_DENIED, "the server refuses within SCRAM");
	}
	if (exchange->turn_count != 1)
		return 0;
	attribute = strstr(text, ",i=");
	if (attribute == NULL || !scan_number(&iterations, attribute + 3))
		return error_set(error, ERROR_PROTOCOL, "SCRAM without a number of iterations");
	if (iterations > ITERATIONS_MAX || iterations == 0)
		return error_set(error, ERROR_PROTOCOL,
		    "SCRAM with %llu iterations: the server wants to keep us busy",
		    (unsigned long long)iterations);
	if (iterations < ITERATIONS_MIN && !exchange->is_protected)
		return error_set(error, ERROR_PROTOCOL,
		    "SCRAM with only %llu iterations, in clear: the password could be guessed from it",
		    (unsigned long long)iterations);
	return 0;
}

static int
explain(const struct exchange *exchange, int status, struct error *error)
{
	if (status == GSASL_SASLPREP_ERROR)
		return error_set(error, ERROR_PERMANENT, "%s cannot carry a character of the name or password",
		    exchange->mechanism);
	if (exchange->turn_count == 1 && strcmp(exchange->mechanism, "GSSAPI") == 0)
		return error_set(error, ERROR_PERMANENT, "there is no Kerberos ticket for this server");
	return error_set(error, ERROR_PROTOCOL, "%s: the server's message is wrong (%s)", exchange->mechanism,
	    gsasl_strerror_name(status) != NULL ? gsasl_strerror_name(status) : "unknown");
}

static int
step(void *context, struct client_turn *turn, struct error *error)
{
	struct exchange *exchange = context;
	char *answer = NULL;
	size_t size = 0;
	int status, result;

	if (exchange->is_scram && turn->challenge != NULL && check_scram(exchange, turn, error) < 0)
		return -1;
	exchange->turn_count++;
	status = gsasl_step(exchange->session, turn->challenge, turn->challenge_size, &answer, &size);
	/* To an empty challenge the digests want another; there is none. */
	if (status == GSASL_NEEDS_MORE && size == 0 && strstr(exchange->mechanism, "-MD5") != NULL &&
	    turn->challenge_size == 0)
		status = GSASL_MECHANISM_PARSE_ERROR;
	if (status == GSASL_OK || status == GSASL_NEEDS_MORE)
		result = client_respond(turn, answer, size, error);
	else
		result = explain(exchange, status, error);
	turn->is_done = status == GSASL_OK;
	if (answer != NULL)
		secret_wipe(answer, size);
	gsasl_free(answer);
	return result;
}

const struct client_steps client_gsasl = { begin, step, end };

/*
 * As the library's mechanisms do it: the flag makes it refuse what Unicode 3.2 does not know, whatever
 * its name says.
 */
static char *
prepare(const char *text)
{
	char *prepared = NULL;

	return gsasl_saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) == GSASL_OK ? prepared : NULL;
}

static void
forget(char *prepared)
{
	if (prepared != NULL)
		secret_wipe(prepared, strlen(prepared));
	gsasl_free(prepared);
}

bool
client_is_preparable(const char *text)
{
	char *prepared = prepare(text);
	bool is_good = prepared != NULL;

	forget(prepared);
	return is_good;
}

bool
client_is_prepared(const char *text)
{
	char *prepared = prepare(text);
	bool is_good = prepared != NULL && strcmp(text, prepared) == 0;

	forget(prepared);
	return is_good;
}

/*
 * To ask for a ticket loads Kerberos into the program and asks the DNS for the server: not where
 * there is nothing of Kerberos.
 */
static bool
has_kerberos(void)
{
	char cache[64];

	snprintf(cache, sizeof(cache), "/tmp/krb5cc_%u", (unsigned)getuid());
	return secure_getenv("KRB5CCNAME") != NULL || access(cache, F_OK) == 0 ||
	    access("/etc/krb5.conf", F_OK) == 0;
}

bool
client_has_ticket(const struct sasl_client_secrets *secrets)
{
	struct client_turn turn = { .response_size = SASL_CLIENT_RESPONSE_SIZE };
	struct error error;
	void *exchange;
	bool has_ticket = false;

	if (!has_kerberos())
		return false;
	turn.response = malloc(SASL_CLIENT_RESPONSE_SIZE);
	if (turn.response != NULL && begin(&exchange, "GSSAPI", secrets, &error) == 0) {
		has_ticket = step(exchange, &turn, &error) == 0;
		end(exchange);
	}
	free(turn.response);
	return has_ticket;
}
