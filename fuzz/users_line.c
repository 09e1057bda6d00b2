/* The users file, as an administrator brings it along, and where its maildrops are. */

#include "fuzz.h"
#include "users/place.h"
#include "users/users.h"

static void
note_problem(void *context, size_t line, bool skipped, const char *problem)
{
	(void)context;
	(void)skipped;
	PROMISE(line > 0 && *problem != '\0');
}

static void
check_place(const struct users *users, const struct user *user, const char *pattern)
{
	char place[PLACE_SIZE], root[PLACE_SIZE];
	struct error error;

	if (place_expand(place, pattern, user, &error) != 0)
		return;
	/* Whatever the name is, it stays below what the pattern says. */
	PROMISE(strlen(place) < sizeof(place));
	PROMISE(strstr(place, "/../") == NULL && strstr(place, "/./") == NULL);
	PROMISE(pattern[8] == '%' || strncmp(place, "maildir:/srv/mail/", 18) == 0);
	if (place_root(root, pattern, place, users, user, &error) == 0)
		PROMISE(place_is_below(place, root));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct users *users;
	struct error error;

	if (users_parse(&users, text, size, note_problem, NULL, &error) == 0) {
		for (size_t i = 0; i < users_count(users); i++) {
			const struct user *user = users_at(users, i);
			char root[PATH_SIZE];

			PROMISE(users_find(users, user->name) == user);
			PROMISE(strcmp(user->home, "/") == 0 || user->home[0] == '\0' ||
			    user->home[strlen(user->home) - 1] != '/');
			(void)users_home_root(users, user->uid, root, sizeof(root));
			check_place(users, user, "maildir:/srv/mail/%d/%n/%u");
			check_place(users, user, "maildir:%h/Maildir");
		}
		(void)users_dearest_password(users);
		users_free(users);
	}
	free(text);
	return 0;
}
