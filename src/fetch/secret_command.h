/* Inside src/fetch: a secret that a command prints. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SECRET_COMMAND_SECONDS 120	/* it may ask somebody for a passphrase */

/*
 * The first line of what the shell's command prints; what is behind it is read and dropped. variable:
 * "NAME=value" for its environment, or NULL. The command has the caller's standard input and error, and
 * so the terminal. ERROR_DENIED: it failed, or printed no line that can be a secret; ERROR_TEMPORARY: it
 * took longer, and was killed. what: "the password", for the texts.
 */
int secret_command(const char *command, const char *what, const char *variable, uint64_t limit_seconds,
    char *secret, size_t size, struct error *);
