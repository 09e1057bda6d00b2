/*
 * Where a user's maildrop is: mail_place of the configuration, with %u the user's name, %n what is
 * before its first '@', %d what is behind it, %h the home, %% a percent sign.
 *
 * A place is "scheme:/absolute/path". A name that could leave its directory (see
 * users_name_fits_path()) is never put into one.
 */
#pragma once

#include "base/error.h"
#include "base/limits.h"
#include "users/users.h"

/* All failures are ERROR_PERMANENT: somebody has to repair the users file or the configuration. */
int place_expand(char place[PLACE_SIZE], const char *pattern, const struct user *, struct error *);
/*
 * The directory that holds all the maildrops of the user's uid, for the maildrop process to lock
 * itself in: what the pattern begins with; or, if it begins with %h, the longest directory that
 * the homes of that uid share, and the user's own home if that is "/".
 */
int place_root(char root[PLACE_SIZE], const char *pattern, const char *place, const struct users *,
    const struct user *, struct error *);
/* Is the place in that directory? */
bool place_is_below(const char *place, const char *root);
