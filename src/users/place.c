/* See place.h. */

#include "users/place.h"

#include <stdio.h>
#include <string.h>

#include "base/writer.h"

/* What a letter stands for: the first *size octets. NULL: the user has none. */
static const char *
user_name(const struct user *user, size_t *size)
{
	*size = strlen(user->name);
	return user->name;
}

static const char *
local_part(const struct user *user, size_t *size)
{
	*size = strcspn(user->name, "@");
	return user->name;
}

static const char *
domain(const struct user *user, size_t *size)
{
	const char *at = strchr(user->name, '@');

	if (at == NULL)
		return NULL;
	*size = strlen(at + 1);
	return at + 1;
}

static const char *
home(const struct user *user, size_t *size)
{
	*size = strlen(user->home);
	return *size > 0 ? user->home : NULL;
}

static const char *
percent(const struct user *user, size_t *size)
{
	(void)user;
	*size = 1;
	return "%";
}

static int
put_part(struct writer *out, const char *pattern, char letter, const struct user *user,
    struct error *error)
{
	static const struct {
		char letter;
		const char *(*value)(const struct user *, size_t *size);
		const char *name;
	} parts[] = {
		{ 'u', user_name, "name" },
		{ 'n', local_part, "local part" },
		{ 'd', domain, "domain" },
		{ 'h', home, "home" },
		{ '%', percent, "percent sign" },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *value;
		size_t size = 0;

		if (parts[i].letter != letter)
			continue;
		value = parts[i].value(user, &size);
		if (value == NULL)
			return error_set(error, ERROR_PERMANENT,
			    "mail_place %s: the user has no %s", pattern, parts[i].name);
		writer_put(out, value, size);
		return 0;
	}
	return error_set(error, ERROR_PERMANENT,
	    "mail_place %s: only %%u, %%n, %%d, %%h and %%%% can be used", pattern);
}

/* Absolute, and every component is a name: no "//", no "." or "..". One '/' may end it. */
static bool
path_is_sound(const char *path)
{
	if (*path != '/' || path[1] == '\0')
		return false;
	while (*path == '/' && path[1] != '\0') {
		size_t size = strcspn(++path, "/");

		if (size == 0 || (size == 1 && path[0] == '.') ||
		    (size == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += size;
	}
	return true;
}

/* Behind "scheme:"; "" if there is no scheme. */
static const char *
path_of(const char *place)
{
	const char *colon = strchr(place, ':');

	return colon == NULL ? "" : colon + 1;
}

int
place_expand(
    char place[PLACE_SIZE], const char *pattern, const struct user *user, struct error *error)
{
	char text[PLACE_SIZE];
	struct writer out;

	if (!users_name_fits_path(user->name))
		return error_set(
		    error, ERROR_PERMANENT, "the user's name cannot be a part of a path");
	writer_init(&out, text, sizeof(text) - 1, NULL, NULL);
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p != '%')
			writer_put(&out, p, 1);
		else if (put_part(&out, pattern, *++p, user, error) < 0)
			return -1;
	}
	if (out.failed)
		return error_set(error, ERROR_PERMANENT, "mail_place %s: too long a path", pattern);
	text[out.used] = '\0';
	if (!path_is_sound(path_of(text)))
		return error_set(
		    error, ERROR_PERMANENT, "mail_place %s gives %s: not a path", pattern, text);
	memcpy(place, text, out.used + 1);
	return 0;
}

/* The directory that a pattern names before its first '%'. "" if that is only "/". */
static void
fixed_root(char root[PLACE_SIZE], const char *path)
{
	size_t size = strcspn(path, "%");

	if (size >= PLACE_SIZE)
		size = 0;
	while (size > 0 && path[size - 1] != '/')
		size--;
	while (size > 0 && path[size - 1] == '/')
		size--;
	memcpy(root, path, size);
	root[size] = '\0';
}

int
place_root(char root[PLACE_SIZE], const char *pattern, const char *place, const struct users *users,
    const struct user *user, struct error *error)
{
	const char *path = path_of(pattern);
	char text[PLACE_SIZE] = "";

	if (strncmp(path, "%h", 2) != 0)
		fixed_root(text, path);
	else if (!users_home_root(users, user->uid, text, sizeof(text)))
		snprintf(text, sizeof(text), "%s", user->home);
	/* Never the whole of the file system: then the maildrop alone. */
	if (text[0] == '\0' || strcmp(text, "/") == 0)
		snprintf(text, sizeof(text), "%s", path_of(place));
	if (!place_is_below(place, text))
		return error_set(error, ERROR_PERMANENT, "%s is not below %s", place, text);
	memcpy(root, text, sizeof(text));
	return 0;
}

bool
place_is_below(const char *place, const char *root)
{
	const char *path = path_of(place);
	size_t size = strlen(root);

	return strncmp(path, root, size) == 0 && (path[size] == '\0' || path[size] == '/');
}
