/*
 * The client's mechanisms: with the words of the RFCs' examples, against libgsasl's servers, and against
 * servers that lie. And which of them is chosen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sasl/base64.h"
#include "sasl/client.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define OCTETS(text)   { (text), sizeof(text) - 1 }
#define NOTHING        { NULL, 0 }

/*
 * The examples need a nonce that is none. libgsasl calls both of these by way of the dynamic linker: it
 * makes its nonce of 18 random octets and writes them as base64.
 */
static const char *fixed_nonce;

int
gsasl_nonce(char *data, size_t size)
{
	if (fixed_nonce == NULL)
		return gsasl_random(data, size);
	memset(data, 'N', size);
	return GSASL_OK;
}

int
gsasl_base64_to(const char *in, size_t in_size, char **out, size_t *out_size)
{
	bool is_nonce = fixed_nonce != NULL && in_size == 18 && memcmp(in, "NNNNNNNNNNNNNNNNNN", 18) == 0;

	*out = is_nonce ? strdup(fixed_nonce) : malloc(BASE64_SIZE(in_size));
	assert_non_null(*out);
	if (!is_nonce)
		base64_text(*out, in, in_size);
	if (out_size != NULL)
		*out_size = strlen(*out);
	return GSASL_OK;
}

/* What libgssglue keeps for the process when it is first used. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libgssapi_krb5\n";
}

struct octets {
	const char *text;
	size_t size;
};

static char response[SASL_CLIENT_RESPONSE_SIZE];

static const struct sasl_client_secrets pencil = { .user = "user", .password = "pencil", .host = "localhost",
	.service = "pop", .port = 110 };

#define BINDING .binding_type = "tls-exporter", .binding = "0123456789abcdef0123456789abcdef", .binding_size = 32

struct example {
	const char *name, *mechanism, *nonce;
	struct sasl_client_secrets secrets;
	struct {
		struct octets challenge, response;
	} turns[4];
	size_t turn_count;
};

static const struct example examples[] = {
	{ "RFC 5802, section 5", "SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL", { .user = "user", .password = "pencil" },
	    { { NOTHING, OCTETS("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL") },
	    { OCTETS("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"),
	    OCTETS("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=") },
	    { OCTETS("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), OCTETS("") } }, 3 },
	{ "RFC 7677, section 3", "SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO", { .user = "user", .password = "pencil" },
	    { { NOTHING, OCTETS("n,,n=user,r=rOprNGfwEbeRWgbNEkqO") },
	    { OCTETS("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
	    OCTETS("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") },
	    { OCTETS("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), OCTETS("") } }, 3 },
	{ "RFC 2195, section 2", "CRAM-MD5", NULL, { .user = "tim", .password = "tanstaaftanstaaf" },
	    { { OCTETS("<1896.697170952@postoffice.reston.mci.net>"), OCTETS("tim b913a602c7eda7a495b4e6e7334d3890") } },
	    1 },
	{ "RFC 7628, section 4.1", "OAUTHBEARER", NULL, { .user = "user@example.com", .host = "server.example.com",
	    .port = 143, .token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
	    { { NOTHING, OCTETS("n,a=user@example.com,\1host=server.example.com\1port=143\1"
	    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1") } }, 1 },
	{ "a name with another spelling", "OAUTHBEARER", NULL, { .user = "a=b,c", .token = "t" },
	    { { NOTHING, OCTETS("n,a=a=3Db=2Cc,\1auth=Bearer t\1\1") } }, 1 },
	{ "whose maildrop", "OAUTHBEARER", NULL, { .user = "anna", .authorization = "bert", .token = "t" },
	    { { NOTHING, OCTETS("n,a=bert,\1auth=Bearer t\1\1") } }, 1 },
	{ "no name", "OAUTHBEARER", NULL, { .token = "t" }, { { NOTHING, OCTETS("n,,\1auth=Bearer t\1\1") } }, 1 },
	{ "Google's example", "XOAUTH2", NULL, { .user = "someuser@example.com",
	    .token = "ya29.vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg" },
	    { { NOTHING, OCTETS("user=someuser@example.com\1auth=Bearer "
	    "ya29.vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg\1\1") } }, 1 },
	{ "RFC 4616", "PLAIN", NULL, { .user = "tim", .password = "tanstaaftanstaaf" },
	    { { NOTHING, OCTETS("\0tim\0tanstaaftanstaaf") } }, 1 },
	{ "RFC 4616, for another", "PLAIN", NULL, { .user = "Kurt", .authorization = "Ursel", .password = "xipj3plmq" },
	    { { NOTHING, OCTETS("Ursel\0Kurt\0xipj3plmq") } }, 1 },
	{ "a password with an emoji", "PLAIN", NULL, { .user = "u", .password = "\xf0\x9f\x98\x80" },
	    { { NOTHING, OCTETS("\0u\0\xf0\x9f\x98\x80") } }, 1 },
	{ "no password", "PLAIN", NULL, { .user = "u", .password = "" }, { { NOTHING, OCTETS("\0u\0") } }, 1 },
	{ "LOGIN, whatever it asks", "LOGIN", NULL, { .user = "tim", .password = "secret" },
	    { { OCTETS("Username:"), OCTETS("tim") }, { OCTETS(""), OCTETS("secret") } }, 2 },
	{ "the certificate says who", "external", NULL, { .certificate = true, .protected = true, .user = "tim" },
	    { { NOTHING, OCTETS("") } }, 1 },
	{ "for another", "EXTERNAL", NULL, { .certificate = true, .protected = true, .authorization = "tim" },
	    { { NOTHING, OCTETS("tim") } }, 1 },
	{ "a binding", "SCRAM-SHA-256-PLUS", "abc", { .user = "u", .password = "p", .protected = true, BINDING },
	    { { NOTHING, OCTETS("p=tls-exporter,,n=u,r=abc") } }, 1 },
	{ "a binding of TLS 1.2", "SCRAM-SHA-1-PLUS", "abc", { .user = "u", .password = "p", .protected = true,
	    .binding_type = "tls-unique", .binding = "012345678901", .binding_size = 12 },
	    { { NOTHING, OCTETS("p=tls-unique,,n=u,r=abc") } }, 1 },
	{ "none is said of without -PLUS", "SCRAM-SHA-256", "abc", { .user = "u", .password = "p", .protected = true,
	    BINDING }, { { NOTHING, OCTETS("n,,n=u,r=abc") } }, 1 },
	{ "SCRAM for another", "SCRAM-SHA-1", "abc", { .user = "a,b", .password = "p", .authorization = "c=d" },
	    { { NOTHING, OCTETS("n,a=c=3Dd,n=a=2Cb,r=abc") } }, 1 },
};

static void
test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		const struct example *example = &examples[i];
		struct sasl_client *client;
		struct error error;

		fixed_nonce = example->nonce;
		if (sasl_client_begin(&client, example->mechanism, &example->secrets, &error) != 0)
			fail_msg("%s: %s", example->name, error.text);
		assert_int_equal(sasl_client_speaks_first(client), example->turns[0].challenge.text == NULL);
		for (size_t j = 0; j < example->turn_count; j++) {
			struct octets want = example->turns[j].response;
			size_t size = sizeof(response);

			assert_false(sasl_client_is_done(client));
			if (sasl_client_step(client, example->turns[j].challenge.text, example->turns[j].challenge.size,
				response, &size, &error) != 0)
				fail_msg("%s: %s", example->name, error.text);
			if (size != want.size || memcmp(response, want.text, size) != 0)
				fail_msg("%s: %.*s", example->name, (int)size, response);
		}
		/* Of SCRAM with a made-up nonce only the beginning is known. */
		assert_int_equal(sasl_client_is_done(client),
		    strncmp(example->mechanism, "SCRAM", 5) != 0 || example->turn_count == 3);
		assert_null(sasl_client_problem(client));
		sasl_client_end(client);
		fixed_nonce = NULL;
	}
}

static void
test_apop(void **state)
{
	char hex[APOP_DIGEST_SIZE];

	(void)state;
	/* RFC 1939, section 7. */
	apop_digest(hex, "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf");
	assert_string_equal(hex, "c4c9334bac560ecc979e58001b3e22fb");
	/* The digest of nothing, RFC 1321, A.5. */
	apop_digest(hex, "", "");
	assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
}

/* What libgsasl's server knows. */
struct server {
	const char *binding;	/* in base64 */
	Gsasl_property binding_property;
};

static int
answer(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	const struct server *server = gsasl_callback_hook_get(library);
	const char *user = gsasl_property_fast(session, GSASL_AUTHID);
	const char *password = gsasl_property_fast(session, GSASL_PASSWORD);

	switch (property) {
	case GSASL_PASSWORD:
		return user != NULL && strcmp(user, "user") == 0 ?
		    gsasl_property_set(session, GSASL_PASSWORD, "pencil") : GSASL_NO_PASSWORD;
	case GSASL_VALIDATE_SIMPLE:
		return strcmp(user, "user") == 0 && strcmp(password, "pencil") == 0 ? GSASL_OK :
		    GSASL_AUTHENTICATION_ERROR;
	case GSASL_VALIDATE_EXTERNAL:
		return GSASL_OK;
	case GSASL_REALM:
		return gsasl_property_set(session, property, "example.org");
	default:
		return server->binding != NULL && property == server->binding_property ?
		    gsasl_property_set(session, property, server->binding) : GSASL_NO_CALLBACK;
	}
}

/* One exchange to its end: did the server, and did the client find it good? */
static void
talk(const char *mechanism, const struct sasl_client_secrets *secrets, const struct server *server,
    bool *server_good, bool *client_good)
{
	struct sasl_client *client;
	struct error error;
	Gsasl *library;
	Gsasl_session *session;
	char *challenge = NULL;
	size_t challenge_size = 0, size;
	bool first = true;
	int status = GSASL_NEEDS_MORE, result;

	assert_int_equal(gsasl_init(&library), GSASL_OK);
	gsasl_callback_set(library, answer);
	gsasl_callback_hook_set(library, (void *)server);
	assert_int_equal(gsasl_server_start(library, mechanism, &session), GSASL_OK);
	assert_int_equal(sasl_client_begin(&client, mechanism, secrets, &error), 0);
	if (!sasl_client_speaks_first(client))
		status = gsasl_step(session, NULL, 0, &challenge, &challenge_size);
	do {
		size = sizeof(response);
		result = sasl_client_step(client, first && sasl_client_speaks_first(client) ? NULL :
		    challenge != NULL ? challenge : "", challenge_size, response, &size, &error);
		first = false;
		gsasl_free(challenge);
		challenge = NULL;
		challenge_size = 0;
		if (result == 0 && status == GSASL_NEEDS_MORE)
			status = gsasl_step(session, response, size, &challenge, &challenge_size);
		/* What a server says behind its consent is one more challenge in POP3 (RFC 5034, section 4). */
	} while (result == 0 && (status == GSASL_NEEDS_MORE || (status == GSASL_OK && challenge_size > 0)));
	*server_good = status == GSASL_OK;
	*client_good = result == 0 && sasl_client_is_done(client);
	gsasl_free(challenge);
	sasl_client_end(client);
	gsasl_finish(session);
	gsasl_done(library);
}

static void
test_servers(void **state)
{
	static const char *const mechanisms[] = { "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "PLAIN",
		"LOGIN" };
	struct sasl_client_secrets wrong = pencil;

	(void)state;
	wrong.password = "crayon";
	for (size_t i = 0; i < COUNT(mechanisms); i++) {
		static const struct server plain = { NULL, 0 };
		bool server_good, client_good;

		talk(mechanisms[i], &pencil, &plain, &server_good, &client_good);
		if (!server_good || !client_good)
			fail_msg("%s: %d %d", mechanisms[i], server_good, client_good);
		talk(mechanisms[i], &wrong, &plain, &server_good, &client_good);
		if (server_good)
			fail_msg("%s takes a wrong password", mechanisms[i]);
	}
}

static void
test_bindings(void **state)
{
	static const struct {
		const char *what, *mechanism, *type;
		struct server server;
		bool is_good;
	} rows[] = {
		{ "TLS 1.3", "SCRAM-SHA-256-PLUS", "tls-exporter", { "b3VyIGNoYW5uZWw=", GSASL_CB_TLS_EXPORTER }, true },
		{ "TLS 1.2", "SCRAM-SHA-1-PLUS", "tls-unique", { "b3VyIGNoYW5uZWw=", GSASL_CB_TLS_UNIQUE }, true },
		{ "another channel", "SCRAM-SHA-256-PLUS", "tls-exporter", { "YW5vdGhlcg==", GSASL_CB_TLS_EXPORTER }, false },
		{ "another channel", "SCRAM-SHA-1-PLUS", "tls-unique", { "YW5vdGhlcg==", GSASL_CB_TLS_UNIQUE }, false },
		/* A server that could is told nothing wrong. */
		{ "without", "SCRAM-SHA-256", "tls-exporter", { "b3VyIGNoYW5uZWw=", GSASL_CB_TLS_EXPORTER }, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sasl_client_secrets secrets = pencil;
		bool server_good, client_good;

		secrets.protected = true;
		secrets.binding_type = rows[i].type;
		secrets.binding = "our channel";
		secrets.binding_size = 11;
		talk(rows[i].mechanism, &secrets, &rows[i].server, &server_good, &client_good);
		if (server_good != rows[i].is_good || client_good != rows[i].is_good)
			fail_msg("row %zu, %s: %d %d", i, rows[i].what, server_good, client_good);
	}
}

#define NONCE        "fyko+d2lbbFgONRv9qkxdawL"
#define SERVER_FIRST "r=" NONCE "3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i="
#define SIGNATURE    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="

/* Servers that lie, or say no. The last challenge is the one that is refused. */
static const struct {
	const char *name, *mechanism;
	bool protected;
	struct octets challenges[3];
	size_t challenge_count;
	enum error_kind kind;
	const char *text, *problem;
} refusals[] = {
	{ "a forged signature", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096"),
	    OCTETS("v=rmF9pqV8S7suAoZWja4dJRkFsKR=") }, 2, ERROR_PROTOCOL, "the server's message is wrong", NULL },
	{ "another's signature", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096"),
	    OCTETS("v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=") }, 2, ERROR_PROTOCOL, "the server's message is wrong", NULL },
	{ "half a signature", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096"), OCTETS("v=rmF9pqV8") }, 2,
	    ERROR_PROTOCOL, "the server's message is wrong", NULL },
	{ "no signature", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096"), OCTETS("") }, 2, ERROR_PROTOCOL,
	    "the server's message is wrong", NULL },
	{ "an empty signature", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096"), OCTETS("v=") }, 2, ERROR_PROTOCOL,
	    "the server's message is wrong", NULL },
	{ "something behind the signature", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096"), OCTETS(SIGNATURE),
	    OCTETS("") }, 3, ERROR_PROTOCOL, "goes on with SCRAM-SHA-1, which is over", NULL },
	{ "a nonce that is not ours", "SCRAM-SHA-1", true, { OCTETS("r=xyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,"
	    "i=4096") }, 1, ERROR_PROTOCOL, "the server's message is wrong", NULL },
	{ "to keep us busy", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "600001") }, 1, ERROR_PROTOCOL,
	    "600001 iterations: the server wants to keep us busy", NULL },
	{ "to keep us very busy", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "18446744073709551615") }, 1,
	    ERROR_PROTOCOL, "to keep us busy", NULL },
	{ "beyond numbers", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "18446744073709551616") }, 1, ERROR_PROTOCOL,
	    "without a number of iterations", NULL },
	{ "far beyond", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "0000000000000000000000000000000000000000000001") },
	    1, ERROR_PROTOCOL, "without a number of iterations", NULL },
	{ "not hashed at all", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "0") }, 1, ERROR_PROTOCOL, "0 iterations", NULL },
	{ "no number", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "x") }, 1, ERROR_PROTOCOL,
	    "without a number of iterations", NULL },
	{ "nothing of it", "SCRAM-SHA-1", true, { OCTETS("") }, 1, ERROR_PROTOCOL, "without a number of iterations",
	    NULL },
	{ "to guess in clear", "SCRAM-SHA-1", false, { OCTETS(SERVER_FIRST "4095") }, 1, ERROR_PROTOCOL,
	    "only 4095 iterations, in clear", NULL },
	{ "a NUL", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096\0") }, 1, ERROR_PROTOCOL, "a NUL", NULL },
	{ "no at once", "SCRAM-SHA-1", true, { OCTETS("e=unknown-user") }, 1, ERROR_DENIED, "refuses within SCRAM",
	    "unknown-user" },
	{ "no to the proof", "SCRAM-SHA-1", true, { OCTETS(SERVER_FIRST "4096"), OCTETS("e=invalid-proof\033[2J") }, 2,
	    ERROR_DENIED, "refuses within SCRAM", "invalid-proof?[2J" },
	{ "no challenge", "CRAM-MD5", true, { OCTETS("") }, 1, ERROR_PROTOCOL, "the server's message is wrong", NULL },
	{ "one too many", "CRAM-MD5", true, { OCTETS("<1@a>"), OCTETS("<2@a>") }, 2, ERROR_PROTOCOL,
	    "goes on with CRAM-MD5, which is over", NULL },
	{ "a question too many", "LOGIN", true, { OCTETS("User"), OCTETS("Password"), OCTETS("PIN") }, 3,
	    ERROR_PROTOCOL, "goes on with LOGIN", NULL },
	{ "a question of PLAIN's", "PLAIN", true, { OCTETS("Password") }, 1, ERROR_PROTOCOL, "goes on with PLAIN", NULL },
	{ "no digest", "DIGEST-MD5", true, { OCTETS("hello") }, 1, ERROR_PROTOCOL, "the server's message is wrong", NULL },
	{ "no reason", "OAUTHBEARER", true, { OCTETS(""), OCTETS("{}") }, 2, ERROR_PROTOCOL, "goes on with OAUTHBEARER",
	    "" },
};

static void
test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		struct sasl_client_secrets secrets = pencil;
		struct sasl_client *client;
		struct error error;
		size_t size = sizeof(response);

		fixed_nonce = NONCE;
		secrets.protected = refusals[i].protected;
		secrets.token = "token";
		assert_int_equal(sasl_client_begin(&client, refusals[i].mechanism, &secrets, &error), 0);
		if (sasl_client_speaks_first(client))
			assert_int_equal(sasl_client_step(client, NULL, 0, response, &size, &error), 0);
		for (size_t j = 0; j < refusals[i].challenge_count; j++) {
			bool is_last = j + 1 == refusals[i].challenge_count;
			int result;

			size = sizeof(response);
			result = sasl_client_step(client, refusals[i].challenges[j].text, refusals[i].challenges[j].size,
			    response, &size, &error);
			if (result != (is_last ? -1 : 0))
				fail_msg("%s: challenge %zu: %d", refusals[i].name, j, result);
		}
		if (error.kind != refusals[i].kind || strstr(error.text, refusals[i].text) == NULL)
			fail_msg("%s: %d %s", refusals[i].name, error.kind, error.text);
		assert_false(sasl_client_is_done(client));
		if (refusals[i].problem == NULL)
			assert_null(sasl_client_problem(client));
		else
			assert_string_equal(sasl_client_problem(client), refusals[i].problem);
		/* It is over. */
		assert_int_equal(sasl_client_step(client, SIGNATURE, strlen(SIGNATURE), response, &size, &error), -1);
		assert_false(sasl_client_is_done(client));
		sasl_client_end(client);
		fixed_nonce = NULL;
	}
}

/* A +OK before the signature, and few iterations where TLS protects them. */
static void
test_early_consent(void **state)
{
	struct sasl_client_secrets secrets = pencil;
	struct sasl_client *client;
	struct error error;
	size_t size = sizeof(response);

	(void)state;
	secrets.protected = true;
	fixed_nonce = NONCE;
	assert_int_equal(sasl_client_begin(&client, "SCRAM-SHA-1", &secrets, &error), 0);
	assert_int_equal(sasl_client_step(client, NULL, 0, response, &size, &error), 0);
	assert_false(sasl_client_is_done(client));
	size = sizeof(response);
	assert_int_equal(sasl_client_step(client, SERVER_FIRST "1", strlen(SERVER_FIRST "1"), response, &size, &error), 0);
	assert_false(sasl_client_is_done(client));
	fixed_nonce = NULL;
	sasl_client_end(client);
}

/* Answers that OAuth's servers wait for before they say no. */
static void
test_oauth_problems(void **state)
{
	static const struct {
		const char *mechanism, *json;
		struct octets answer;
		const char *problem;
	} rows[] = {
		{ "OAUTHBEARER", "{\"status\":\"invalid_token\",\"scope\":\"mail\"}", OCTETS("\1"),
		    "{\"status\":\"invalid_token\",\"scope\":\"mail\"}" },
		{ "XOAUTH2", "{\"status\":\"401\"}", OCTETS(""), "{\"status\":\"401\"}" },
		{ "XOAUTH2", "\033]0;x\a\xe2\x80\xae\n", OCTETS(""), "?]0;x?????" },
		{ "OAUTHBEARER", "", OCTETS("\1"), "" },
	};
	struct sasl_client_secrets secrets = pencil;

	(void)state;
	secrets.token = "token";
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sasl_client *client;
		struct error error;
		size_t size = sizeof(response);

		assert_int_equal(sasl_client_begin(&client, rows[i].mechanism, &secrets, &error), 0);
		assert_int_equal(sasl_client_step(client, NULL, 0, response, &size, &error), 0);
		assert_true(sasl_client_is_done(client));
		size = sizeof(response);
		assert_int_equal(sasl_client_step(client, rows[i].json, strlen(rows[i].json), response, &size, &error), 0);
		assert_int_equal(size, rows[i].answer.size);
		assert_memory_equal(response, rows[i].answer.text, size);
		/* A +OK now would be a lie. */
		assert_false(sasl_client_is_done(client));
		assert_string_equal(sasl_client_problem(client), rows[i].problem);
		sasl_client_end(client);
	}
}

static void
test_sizes(void **state)
{
	static char long_token[16386], challenge[SASL_CLIENT_CHALLENGE_MAX + 1];
	struct sasl_client_secrets secrets = pencil;
	struct sasl_client *client;
	struct error error;
	size_t size;

	(void)state;
	memset(long_token, 't', sizeof(long_token) - 1);
	memset(challenge, ' ', sizeof(challenge));
	secrets.token = long_token;
	assert_int_equal(sasl_client_begin(&client, "XOAUTH2", &secrets, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	secrets.token = long_token + 1;
	for (size_t over = 0; over <= 1; over++) {
		assert_int_equal(sasl_client_begin(&client, "XOAUTH2", &secrets, &error), 0);
		size = 16384;
		/* No room: nothing is written. */
		if (over == 1) {
			assert_int_equal(sasl_client_step(client, NULL, 0, response, &size, &error), -1);
			assert_int_equal(error.kind, ERROR_PERMANENT);
			assert_int_equal(size, 16384);
			sasl_client_end(client);
			continue;
		}
		size = sizeof(response);
		assert_int_equal(sasl_client_step(client, NULL, 0, response, &size, &error), 0);
		assert_int_equal(size, 16384 + strlen("user=user\1auth=Bearer \1\1"));
		size = sizeof(response);
		assert_int_equal(sasl_client_step(client, challenge, SASL_CLIENT_CHALLENGE_MAX, response, &size, &error), 0);
		assert_int_equal(strlen(sasl_client_problem(client)), 511);
		sasl_client_end(client);
	}
	assert_int_equal(sasl_client_begin(&client, "LOGIN", &secrets, &error), 0);
	size = sizeof(response);
	assert_int_equal(sasl_client_step(client, challenge, sizeof(challenge), response, &size, &error), -1);
	assert_int_equal(error.kind, ERROR_PROTOCOL);
	sasl_client_end(client);
}

/* Who begins is the mechanism's affair. */
static void
test_who_begins(void **state)
{
	static const struct {
		const char *mechanism, *challenge;
	} rows[] = { { "PLAIN", "" }, { "SCRAM-SHA-1", "hello" }, { "CRAM-MD5", NULL }, { "LOGIN", NULL } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sasl_client *client;
		struct error error;
		size_t size = sizeof(response);

		assert_int_equal(sasl_client_begin(&client, rows[i].mechanism, &pencil, &error), 0);
		assert_int_equal(sasl_client_step(client, rows[i].challenge, rows[i].challenge != NULL ?
		    strlen(rows[i].challenge) : 0, response, &size, &error), -1);
		assert_int_equal(error.kind, ERROR_PROTOCOL);
		assert_non_null(strstr(error.text, "begins in another way"));
		assert_int_equal(size, sizeof(response));
		sasl_client_end(client);
	}
}

static void
test_impossible(void **state)
{
	static const struct {
		const char *mechanism;
		struct sasl_client_secrets secrets;
		const char *text;
	} rows[] = {
		{ "NTLM", { .user = "u", .password = "p" }, "NTLM is an unknown" },
		{ "SCRAM-SHA-512", { .user = "u", .password = "p" }, "unknown" },
		{ "PLAIN", { .user = "u" }, "PLAIN cannot be used" },
		{ "PLAIN", { .password = "p" }, "PLAIN cannot be used" },
		{ "XOAUTH2", { .user = "u" }, "XOAUTH2 cannot be used" },
		{ "LOGIN", { .user = "u", .password = "p", .authorization = "a" }, "LOGIN cannot be used" },
		{ "SCRAM-SHA-1-PLUS", { .user = "u", .password = "p", .protected = true }, "cannot be used" },
		{ "SCRAM-SHA-1", { .user = "u", .password = "\xf0\x9f\x98\x80" }, "cannot be used" },
		{ "SCRAM-SHA-1-PLUS", { .user = "u", .password = "p", .protected = true, .binding_type = "tls-unique",
		    .binding = "x", .binding_size = 257 }, "cannot begin" },
		{ "EXTERNAL", { .protected = true }, "cannot be used" },
		{ "OAUTHBEARER", { .token = "a\1b" }, "none of OAuth 2" },
		{ "OAUTHBEARER", { .token = "two words" }, "none of OAuth 2" },
		{ "XOAUTH2", { .user = "u\1auth=x", .token = "t" }, "a user name that XOAUTH2 cannot carry" },
		{ "OAUTHBEARER", { .token = "t", .authorization = "u\1" }, "a user name that" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sasl_client *client = NULL;
		struct error error = { ERROR_NONE, "" };

		if (sasl_client_begin(&client, rows[i].mechanism, &rows[i].secrets, &error) != -1 ||
		    error.kind != ERROR_PERMANENT || strstr(error.text, rows[i].text) == NULL)
			fail_msg("row %zu, %s: %s", i, rows[i].mechanism, error.text);
		assert_null(client);
	}
}

#define ALL "LOGIN PLAIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 OAUTHBEARER GSSAPI EXTERNAL " \
	"SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS NTLM"
#define LOGIN_DATA .user = "u", .password = "p", .host = "localhost", .service = "pop"

/* In which order mechanisms are tried, to the last. */
static const struct {
	const char *what, *offered, *wanted;
	struct sasl_client_secrets secrets;
	bool clear_allowed;
	const char *chosen;
} choices[] = {
	{ "everything", ALL, NULL, { LOGIN_DATA, .token = "t", .protected = true, .certificate = true, BINDING }, false,
	    "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS EXTERNAL OAUTHBEARER XOAUTH2 SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN "
	    "LOGIN " },
	{ "in clear", ALL, "", { LOGIN_DATA, .token = "t", .certificate = true, BINDING }, false,
	    "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 " },
	{ "in clear, if need be", ALL, "*", { LOGIN_DATA, .token = "t" }, true,
	    "OAUTHBEARER XOAUTH2 SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN " },
	{ "no token, no binding", ALL, NULL, { LOGIN_DATA, .protected = true }, false,
	    "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN " },
	{ "a token alone", ALL, NULL, { .user = "u", .token = "t", .protected = true }, false, "OAUTHBEARER XOAUTH2 " },
	{ "a token, and nobody's", ALL, NULL, { .token = "t", .protected = true }, false, "OAUTHBEARER " },
	{ "nothing", ALL, NULL, { .protected = true }, false, "" },
	{ "a certificate without TLS", "EXTERNAL", NULL, { .certificate = true }, true, "" },
	{ "no password", ALL, NULL, { .user = "u", .protected = true, BINDING }, false, "" },
	{ "no user", ALL, NULL, { .user = "", .password = "p", .protected = true, BINDING }, false, "" },
	{ "for another", ALL, NULL, { LOGIN_DATA, .authorization = "a", .protected = true }, false,
	    "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN " },
	{ "the server has little", "PLAIN LOGIN", NULL, { LOGIN_DATA, .protected = true }, false, "PLAIN LOGIN " },
	{ "the server has nothing", "", NULL, { LOGIN_DATA, .protected = true }, false, "" },
	{ "any case, more spaces", " login   scram-sha-1 ", NULL, { LOGIN_DATA, .protected = true }, false,
	    "SCRAM-SHA-1 LOGIN " },
	{ "parts of names", "PLAINX XPLAIN SCRAM-SHA-25", NULL, { LOGIN_DATA, .protected = true }, false, "" },
	{ "the user's order", ALL, "plain  APOP Scram-SHA-1 USER nonsense", { LOGIN_DATA, .protected = true }, false,
	    "PLAIN SCRAM-SHA-1 " },
	{ "the user's order in clear", ALL, "PLAIN SCRAM-SHA-1", { LOGIN_DATA }, false, "SCRAM-SHA-1 " },
	{ "historic ones on request", ALL, "DIGEST-MD5", { LOGIN_DATA }, false, "DIGEST-MD5 " },
	{ "not offered", "PLAIN", "SCRAM-SHA-1", { LOGIN_DATA, .protected = true }, false, "" },
	{ "no ticket", "GSSAPI", "GSSAPI", { LOGIN_DATA, .protected = true }, false, "" },
	{ "nothing to ask for a ticket with", "GSSAPI", "GSSAPI", { .protected = true }, false, "" },
	{ "a password that SCRAM cannot carry", ALL, NULL, { .user = "u", .password = "\xf0\x9f\x98\x80",
	    .protected = true, BINDING }, false, "PLAIN LOGIN " },
	{ "a name that SCRAM cannot carry", ALL, NULL, { .user = "\xff", .password = "p", .protected = true, BINDING },
	    false, "PLAIN LOGIN " },
	{ "a password that is prepared otherwise", ALL, NULL, { .user = "u", .password = "\xc2\xaa", .protected = true },
	    false, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN " },
};

static void
test_choices(void **state)
{
	(void)state;
	/* No ticket of whoever runs the test. */
	setenv("KRB5CCNAME", "FILE:/nowhere/tickets", 1);
	for (size_t i = 0; i < COUNT(choices); i++) {
		char chosen[512] = "";
		unsigned tried = 0;

		for (size_t j = 0; j < 20; j++) {
			const char *name = sasl_client_choose(choices[i].offered, choices[i].wanted, &choices[i].secrets,
			    choices[i].clear_allowed, &tried);

			if (name == NULL)
				break;
			strcat(strcat(chosen, name), " ");
		}
		if (strcmp(chosen, choices[i].chosen) != 0)
			fail_msg("%s: %s", choices[i].what, chosen);
	}
}

/* What begins without a ticket says so, and a server cannot do anything about it. */
static void
test_no_ticket(void **state)
{
	struct sasl_client *client;
	struct error error;
	size_t size = sizeof(response);

	(void)state;
	setenv("KRB5CCNAME", "FILE:/nowhere/tickets", 1);
	assert_int_equal(sasl_client_begin(&client, "GSSAPI", &pencil, &error), 0);
	assert_true(sasl_client_speaks_first(client));
	assert_int_equal(sasl_client_step(client, NULL, 0, response, &size, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	assert_string_equal(error.text, "there is no Kerberos ticket for this server");
	sasl_client_end(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_apop),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_early_consent),
		cmocka_unit_test(test_oauth_problems),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_who_begins),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_no_ticket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
