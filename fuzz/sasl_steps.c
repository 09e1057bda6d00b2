/*
 * SASL PLAIN and LOGIN: first octet the mechanism, then messages, each with its length in one octet
 * before it (255: no initial response).
 */

#include "fuzz.h"
#include "sasl/sasl.h"

static size_t
count_mechanisms(void)
{
	size_t count = 0;

	while (sasl_mechanisms[count] != NULL)
		count++;
	return count;
}

static void
check_credentials(struct sasl_credentials *credentials)
{
	PROMISE(strnlen(credentials->user, sizeof(credentials->user)) < sizeof(credentials->user));
	PROMISE(strnlen(credentials->password, sizeof(credentials->password)) <
	    sizeof(credentials->password));
	PROMISE(strnlen(credentials->authorization, sizeof(credentials->authorization)) <
	    sizeof(credentials->authorization));
	PROMISE(credentials->user[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *mechanism = sasl_mechanisms[fuzz_octet(&data, &size) % count_mechanisms()];
	enum sasl_result result = SASL_CHALLENGE;
	struct sasl_credentials credentials;
	struct sasl *sasl;
	struct error error;

	PROMISE(sasl_begin(&sasl, mechanism, &error) == 0);
	for (unsigned step = 0; step < 8 && result == SASL_CHALLENGE; step++) {
		uint8_t length = fuzz_octet(&data, &size);
		bool none = length == 255 && step == 0;
		size_t part = none ? 0 : length < size ? length : size, output_size;
		char output[128], *input = fuzz_text(data, part);

		output_size = sizeof(output);
		result = sasl_step(sasl, none ? NULL : input, part, output, &output_size, &credentials);
		free(input);
		PROMISE(result != SASL_CHALLENGE || output_size <= sizeof(output));
		data += part;
		size -= part;
	}
	if (result == SASL_VERIFY)
		check_credentials(&credentials);
	sasl_end(sasl);
	return 0;
}
