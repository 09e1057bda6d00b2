/* See lookup.h. */

#include "auth/lookup.h"

#include "users/place.h"

bool
lookup_refresh(struct auth *auth)
{
	if (users_file_refresh(&auth->users))
		cache_clear(&auth->cache);
	return auth->users.users != NULL;
}

int
lookup_place(const struct auth *auth, const struct user *user, char place[PLACE_SIZE],
    char root[PLACE_SIZE], struct error *error)
{
	const char *pattern = auth->config.mail_place;

	if (place_expand(place, pattern, user, error) < 0)
		return -1;
	return place_root(root, pattern, place, auth->users.users, user, error);
}
