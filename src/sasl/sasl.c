/* Which mechanism it is, and what all of them have in common. */

#include "sasl/sasl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "sasl/steps.h"

struct sasl {
	const struct sasl_steps *steps;
	void *exchange;
};

static const struct sasl_steps *const table[] = { &sasl_plain, &sasl_login };

int
sasl_begin(struct sasl **out, const char *mechanism, struct error *error)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sasl *sasl;

		if (strcasecmp(table[i]->name, mechanism) != 0)
			continue;
		sasl = calloc(1, sizeof(*sasl));
		if (sasl == NULL || (sasl->exchange = table[i]->begin()) == NULL) {
			free(sasl);
			return error_set(error, ERROR_TEMPORARY, "no memory for a SASL exchange");
		}
		sasl->steps = table[i];
		*out = sasl;
		return 0;
	}
	return error_set(error, ERROR_PROTOCOL, "unknown SASL mechanism");
}

enum sasl_result
sasl_step(struct sasl *sasl, const void *input, size_t input_size, void *output,
    size_t *output_size, struct sasl_credentials *credentials)
{
	enum sasl_result result;

	memset(credentials, 0, sizeof(*credentials));
	result =
	    sasl->steps->step(sasl->exchange, input, input_size, output, output_size, credentials);
	if (result != SASL_CHALLENGE)
		*output_size = 0;
	if (result == SASL_WRONG)
		secret_wipe(credentials->password, sizeof(credentials->password));
	else if (result != SASL_VERIFY)
		secret_wipe(credentials, sizeof(*credentials));
	return result;
}

void
sasl_end(struct sasl *sasl)
{
	if (sasl == NULL)
		return;
	sasl->steps->end(sasl->exchange);
	free(sasl);
}

enum sasl_result
sasl_take_password(struct sasl_credentials *credentials, const char *piece, size_t size)
{
	if (memchr(piece, '\0', size) != NULL)
		return SASL_BROKEN;
	return sasl_take(credentials->password, sizeof(credentials->password), piece, size)
	    ? SASL_VERIFY
	    : SASL_WRONG;
}

bool
sasl_take(char *text, size_t text_size, const char *piece, size_t size)
{
	if (size == 0 || size >= text_size || memchr(piece, '\0', size) != NULL)
		return false;
	memcpy(text, piece, size);
	text[size] = '\0';
	return true;
}
