/* Inside state*.c: where the files of an account are. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"

struct state_names {
	char file[NAME_MAX + 1];	/* the account's name, escaped */
	char lock[NAME_MAX + 1];
	char next[NAME_MAX + 1];	/* what will become the file */
};

int state_names_make(struct state_names *, const char *account, struct error *);
/* The directory, made where it is missing, with those above it; 0700. Returns its descriptor. */
int state_directory_open(const char *path, bool make, struct error *);
/* Makes its name durable, and those of the directories above it. */
int state_directory_sync(const char *path, struct error *);
