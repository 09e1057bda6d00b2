/*
 * The accounts that a command is about: all of the configuration, those that are named, or the one of
 * --account.
 */
#pragma once

#include <stddef.h>

#include "fetch/command.h"

struct wanted {
	struct accounts accounts;   /* of the configuration */
	struct account given;       /* of --account */
	const struct account **all; /* lent from these */
	size_t count;
};

#define WANTED_GO_ON (-1)

/* WANTED_GO_ON, or the exit status to end with, and why was said. */
int wanted_read(struct wanted *, const struct fetch_context *, char *const words[], int count);
void wanted_free(struct wanted *);
