/* What the users file says now, and where a user's mail is: the same for logins and for mail. */
#pragma once

#include "auth/auth.h"

#define MAILDROP_START_MILLISECONDS 30000

/* Looks at the users file; false: there never was one that could be read. */
bool lookup_refresh(struct auth *);
/*
 * The place of the user's maildrop, and the directory below which its process is locked in. All failures
 * are ERROR_PERMANENT.
 */
int lookup_place(const struct auth *, const struct user *, char place[PLACE_SIZE],
    char root[PLACE_SIZE], struct error *);
