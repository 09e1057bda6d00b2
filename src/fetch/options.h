/*
 * The options of restante: one row of a table each, for getopt_long(3), --help, and the tests of manual and
 * completions.
 */
#pragma once

#include <stdio.h>

#include "fetch/command.h"

#define OPTIONS_GO_ON (-1)

/*
 * Reads options before the command (command is NULL; stops at the first word that is none), or those behind its
 * name, wherever they stand. OPTIONS_GO_ON: *words is what is no option, *count of them; else the exit status
 * to end with, and what is to be said about it was said.
 */
int options_read(
    struct fetch_context *, const struct command *, int argc, char **argv, char ***words, int *count);
/* How it is used; NULL: restante itself. */
void options_usage(FILE *, const struct command *);
