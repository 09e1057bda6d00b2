/*
 * The client's SASL mechanisms against what a server says: first octet the mechanism, second whether
 * TLS protects it, then challenges, each with its length in two octets before it.
 */

#include "fuzz.h"
#include "sasl/client.h"

static const char *const mechanisms[] = { "SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "OAUTHBEARER",
	"XOAUTH2", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "EXTERNAL" };
static char response[SASL_CLIENT_RESPONSE_SIZE];

/* Within what was promised, and nothing of a stranger's that a terminal would obey. */
static void
check(const struct sasl_client *client, size_t size)
{
	const char *problem = sasl_client_problem(client);

	PROMISE(size <= sizeof(response));
	for (; problem != NULL && *problem != '\0'; problem++)
		PROMISE(*problem >= ' ' && *problem <= '~');
	PROMISE(sasl_client_problem(client) == NULL || !sasl_client_is_done(client));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *name = mechanisms[fuzz_octet(&data, &size) % (sizeof(mechanisms) / sizeof(mechanisms[0]))];
	bool protected = fuzz_octet(&data, &size) % 2 == 1 || strstr(name, "-PLUS") != NULL ||
	    strcmp(name, "EXTERNAL") == 0;
	const struct sasl_client_secrets secrets = { .user = "anna", .password = "secret", .token = "token",
		.host = "localhost", .service = "pop", .protected = protected, .certificate = true,
		.binding_type = "tls-unique", .binding = "0123456789ab", .binding_size = 12 };
	struct sasl_client *client;
	struct error error;
	size_t used = sizeof(response);
	int result = 0;

	PROMISE(sasl_client_begin(&client, name, &secrets, &error) == 0);
	if (sasl_client_speaks_first(client)) {
		PROMISE(sasl_client_step(client, NULL, 0, response, &used, &error) == 0);
		check(client, used);
	}
	for (unsigned step = 0; step < 20 && result == 0; step++) {
		size_t part = (size_t)fuzz_octet(&data, &size) << 8;
		char *challenge;

		part |= fuzz_octet(&data, &size);
		part = part < size ? part : size;
		challenge = fuzz_text(data, part);
		used = sizeof(response);
		result = sasl_client_step(client, challenge, part, response, &used, &error);
		free(challenge);
		check(client, used);
		PROMISE(result == 0 || !sasl_client_is_done(client));
		data += part;
		size -= part;
	}
	/* Nobody goes on for ever, and nobody can forge SCRAM's signature. */
	PROMISE(result < 0);
	PROMISE(error.kind == ERROR_PROTOCOL || error.kind == ERROR_DENIED || error.kind == ERROR_PERMANENT);
	sasl_client_end(client);
	return 0;
}
