/*
 * Changing the users file, for restantectl.
 *
 * Each change is made under an exclusive flock(2) on the file's directory, on a copy that replaces
 * the file by rename(2): a reader sees the old file or the new one, a power failure too. Other
 * lines stay as they are, to the octet. The owner stays; the mode becomes 0600, unless it was 0640
 * (an auth process that reads by its group). A symbolic link stays one: its target is replaced.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "users/users.h"

/* Where a new file's owner comes from; a file that exists keeps its own. */
struct users_owner {
	uid_t uid; /* (uid_t)-1: whoever is asking */
	gid_t gid;
};

/* Appends a line; makes the file if there is none. ERROR_BUSY: the name is taken. */
int users_add(const char *path, const struct user *, const struct users_owner *, struct error *);
/* Replaces the password in every line of that name. ERROR_GONE: there is none. */
int users_set_password(const char *path, const char *name, const char *stored, struct error *);
/* Removes every line of that name: a second one would count if only the first went. */
int users_delete(const char *path, const char *name, struct error *);
