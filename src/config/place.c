/*
 * mail_place: the kind of store, a colon, and a path with letters that stand for the user's
 * particulars. What restante-auth would refuse for every user is refused here, where it is written.
 */

#include <stdio.h>
#include <string.h>

#include "config/value.h"

/* Two octets of a pattern become at most as many as the longest example has. */
#define EXPANDED_SIZE (sizeof("anna@example.org") / 2 * PLACE_SIZE)

/* The words of the table in store/store.c, which this layer does not know; tests hold them together. */
static const char *const kinds[] = { "maildir", "mbox", NULL };

/* What each letter stands for, and something that it could be. */
static const struct {
	char letter;
	const char *example;
} letters[] = {
	{ 'u', "anna@example.org" },
	{ 'n', "anna" },
	{ 'd', "example.org" },
	{ 'h', "/home/anna" },
	{ '%', "%" },
};

static const char *
example_of(char letter)
{
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (letters[i].letter == letter)
			return letters[i].example;
	return NULL;
}

static bool
kind_is_known(const char *place, const char *colon)
{
	for (size_t i = 0; kinds[i] != NULL; i++)
		if (strlen(kinds[i]) == (size_t)(colon - place) &&
		    strncmp(kinds[i], place, strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* The path as it would be for an example of a user. False: *bad is a % that stands for nothing. */
static bool
expand(char path[EXPANDED_SIZE], const char *pattern, const char **bad)
{
	size_t used = 0;

	for (const char *p = pattern; *p != '\0'; p++) {
		const char *example = *p == '%' ? example_of(p[1]) : NULL;

		if (*p == '%' && example == NULL) {
			*bad = p;
			return false;
		}
		if (example == NULL) {
			path[used++] = *p;
			continue;
		}
		memcpy(path + used, example, strlen(example));
		used += strlen(example);
		p++;
	}
	path[used] = '\0';
	return true;
}

bool
path_is_sound(const char *path)
{
	if (path[1] == '\0')
		return false;
	while (*path == '/' && path[1] != '\0') {
		size_t size = strcspn(++path, "/");

		if (size == 0 || strncmp(path, ".", size) == 0 || strncmp(path, "..", size) == 0)
			return false;
		path += size;
	}
	return true;
}

static void
check_path(const char *pattern, int line, struct problems *problems)
{
	char path[EXPANDED_SIZE];
	const char *bad;

	if (!expand(path, pattern, &bad))
		problem_add(problems, line,
		    "mail_place: `%.2s` stands for nothing; there is %%u (user), %%n (local part), "
		    "%%d (domain), %%h (home) and %%%% (a percent sign)",
		    bad);
	else if (path[0] != '/')
		problem_add(problems, line,
		    "mail_place: `%s` is not an absolute path; begin it with / or %%h", pattern);
	else if (!path_is_sound(path))
		problem_add(problems, line,
		    "mail_place: `%s` would be %s, which no user is served from; write it without "
		    "//, . and ..",
		    pattern, path);
}

void
check_place(const struct config *config, struct problems *problems)
{
	const char *place = config->mail_place, *colon = strchr(place, ':');
	int line = line_of(config, "mail_place");

	if (colon == NULL || colon == place)
		problem_add(problems, line,
		    "mail_place = `%s` names no kind of store; write maildir: before the path",
		    place);
	else if (!kind_is_known(place, colon))
		problem_add(problems, line,
		    "mail_place: there is no kind of store `%.*s`; write maildir: or mbox: before "
		    "the path",
		    (int)(colon - place), place);
	else
		check_path(colon + 1, line, problems);
}

bool
config_place_has(const struct config *config, char letter)
{
	const char *percent = strchr(config->mail_place, '%');

	/* Every percent sign has a letter, or it would not have been accepted. */
	for (; percent != NULL; percent = strchr(percent + 2, '%'))
		if (percent[1] == letter)
			return true;
	return false;
}

void
config_doubts(const struct config *config, const char *path, char *text, size_t size)
{
	struct problems doubts = { .count = 0 };

	if (!config_place_has(config, 'u') && !config_place_has(config, 'n') &&
	    !config_place_has(config, 'h'))
		problem_add(&doubts, line_of(config, "mail_place"),
		    "warning: mail_place = `%s` is one maildrop for %s; with %%u, %%n or %%h in it "
		    "each has one of his own",
		    config->mail_place,
		    config_place_has(config, 'd') ? "all users of a domain" : "all users");
	lmtp_doubts(config, &doubts);
	problems_write(&doubts, path, text, size);
}
