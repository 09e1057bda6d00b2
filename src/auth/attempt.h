/* Credentials on their way through throttle, users file and pool; see attempt.c. */
#pragma once

#include "auth/check.h"
#include "auth/verify.h"

/* The texts are copied. May end the check before it returns, like the others here. */
void attempt_begin(struct check *, enum verify_method, const char *user, const char *password,
    const char *timestamp);
/* Refused as a wrong password of that user is, unchecked. */
void attempt_refuse(struct check *, const char *user, const char *reason);
/* The throttle said LATER; now is later. */
void attempt_try(struct check *);
/* Jobs that came back from the pool. */
void attempt_verified(struct auth *);
