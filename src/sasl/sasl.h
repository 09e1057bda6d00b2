/*
 * SASL mechanisms, server side, as pure steps: bytes in, bytes out (over libgsasl). Nothing here
 * waits, reads a file or checks a password.
 *
 * A mechanism that ends with SASL_VERIFY has produced a name and a password that somebody has to
 * check; nothing is proven yet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "sasl/mechanism.h"

enum sasl_result {
	SASL_CHALLENGE,		/* send the output, come back with the client's response */
	SASL_VERIFY,		/* check user and password */
	SASL_WRONG,		/* a password that nobody can have: empty, or too long; user is filled in */
	SASL_BROKEN,		/* the client's message breaks the mechanism's rules */
};

struct sasl;			/* one exchange */

struct sasl_credentials {
	char authorization[USER_SIZE];	/* whose maildrop; empty: the user's own */
	char user[USER_SIZE];
	char password[PASSWORD_SIZE];	/* wipe after use */
};

/* ERROR_PROTOCOL: unknown mechanism. The caller ends it with sasl_end(). */
int sasl_begin(struct sasl **, const char *mechanism, struct error *);
/*
 * input NULL: the client sent no initial response. *output_size in: room in output; out: octets of
 * the challenge.
 */
enum sasl_result sasl_step(struct sasl *, const void *input, size_t input_size, void *output,
    size_t *output_size, struct sasl_credentials *);
/* Frees and wipes. NULL is fine. */
void sasl_end(struct sasl *);
