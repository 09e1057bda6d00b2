/*
 * LOGIN, which no RFC describes (draft-murchison-sasl-login-00): the server asks for the name and
 * for the password. Not over libgsasl: its challenges are "User Name" and "Password", while
 * clients have been seen to look for "Username:" and "Password:", and it ignores an initial
 * response, which some clients send: it is the name.
 */

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "sasl/steps.h"

struct login {
	bool has_user;
	char user[USER_SIZE];
};

static void *
login_begin(void)
{
	return calloc(1, sizeof(struct login));
}

static void
login_end(void *exchange)
{
	secret_wipe(exchange, sizeof(struct login));
	free(exchange);
}

static enum sasl_result
ask(const char *question, void *output, size_t *output_size)
{
	if (strlen(question) > *output_size)
		return SASL_BROKEN;
	*output_size = strlen(question);
	memcpy(output, question, *output_size);
	return SASL_CHALLENGE;
}

static enum sasl_result
login_step(void *exchange, const void *input, size_t input_size, void *output, size_t *output_size,
    struct sasl_credentials *credentials)
{
	struct login *login = exchange;

	if (input == NULL)
		return ask("Username:", output, output_size);
	if (!login->has_user) {
		if (!sasl_take(login->user, sizeof(login->user), input, input_size))
			return SASL_BROKEN;
		login->has_user = true;
		return ask("Password:", output, output_size);
	}
	memcpy(credentials->user, login->user, sizeof(credentials->user));
	return sasl_take_password(credentials, input, input_size);
}

const struct sasl_steps sasl_login = { "LOGIN", login_begin, login_step, login_end };
