/* A password from whoever runs restantectl. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/limits.h"

#define SECRET_INPUT_TERMINAL (-1)

/*
 * From the terminal, without echo and with a question for that user, twice if it is a new one;
 * or the first line of a descriptor. The caller wipes it. ERROR_PERMANENT: there is none, it is
 * too long, it holds NUL, or the two differ.
 */
int secret_input(
    char password[PASSWORD_SIZE], int descriptor, const char *user, bool twice, struct error *);
