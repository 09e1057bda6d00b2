/* The password of an account on another server, by a command that prints it. */
#pragma once

#include "base/error.h"
#include "base/limits.h"

/* The first line of what the shell's command prints. The caller wipes it. */
int password_command(char password[PASSWORD_SIZE], const char *command, struct error *);
