/* Inside src/fetch: an account, as a section of the configuration. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "config/accounts.h"

#define SECTION_SIZE 16384

/* One key of the section; an empty value: it is left out. */
struct setting {
	const char *key, *value;
};

/* "account NAME {...}" with those keys, ended by a NULL key, each value quoted as it has to be. */
int section_write(char text[SECTION_SIZE], const char *name, const struct setting settings[], struct error *);
/*
 * Adds the section to the file, which is made, mode 0600, with the directories above it, if it is not
 * there. What is there stays as it is. The file with the section is read before, beside it: ERROR_PERMANENT
 * where that finds a mistake, and nothing has changed.
 */
int section_append(const char *path, const char *text, struct error *);
