/* What a mechanism is to sasl.c: three functions in a row of its table. For src/sasl only. */
#pragma once

#include "sasl/sasl.h"

struct sasl_steps {
	const char *name;
	/* NULL: no memory. */
	void *(*begin)(void);
	/* As sasl_step(). Credentials are zeroed before, and wiped by the caller unless VERIFY or WRONG. */
	enum sasl_result (*step)(void *exchange, const void *input, size_t input_size, void *output,
	    size_t *output_size, struct sasl_credentials *);
	void (*end)(void *exchange);
};

extern const struct sasl_steps sasl_plain, sasl_login;

/*
 * Makes a string of a piece of the client's message: true if it is not empty, holds no NUL and
 * fits.
 */
bool sasl_take(char *text, size_t text_size, const char *piece, size_t size);
/* The same for the password, which ends the exchange. The other credentials are there already. */
enum sasl_result sasl_take_password(struct sasl_credentials *, const char *piece, size_t size);
