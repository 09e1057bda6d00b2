/* See place.h. */

#include "auth/place.h"

#include <stdio.h>
#include <string.h>

#include "base/writer.h"

static void
put_user(struct writer *out, const struct user *user)
{
	writer_text(out, user->name);
}

static void
put_local_part(struct writer *out, const struct user *user)
{
	writer_put(out, user->name, strcspn(user->name, "@"));
}

/* Nothing, if there is none: then the path has an empty component and is refused. */
static void
put_domain(struct writer *out, const struct user *user)
{
	const char *at = strchr(user->name, '@');

	if (at != NULL)
		writer_text(out, at + 1);
}

static void
put_home(struct writer *out, const struct user *user)
{
	writer_text(out, user->home);
}

static void
put_percent(struct writer *out, const struct user *user)
{
	(void)user;
	writer_text(out, "%");
}

static const struct part {
	char letter;
	void (*put)(struct writer *, const struct user *);
} parts[] = {
	{ 'u', put_user },
	{ 'n', put_local_part },
	{ 'd', put_domain },
	{ 'h', put_home },
	{ '%', put_percent },
};

static bool
put_part(struct writer *out, char letter, const struct user *user)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].letter == letter) {
			parts[i].put(out, user);
			return true;
		}
	}
	return false;
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
		else if (!put_part(&out, *++p, user))
			return error_set(error, ERROR_PERMANENT,
			    "mail_place %s: only %%u, %%n, %%d, %%h and %%%% can be used", pattern);
	}
	if (out.failed)
		return error_set(error, ERROR_PERMANENT, "mail_place %s: too long a path", pattern);
	text[out.used] = '\0';
	if (!path_is_sound(path_of(text)))
		return error_set(error, ERROR_PERMANENT, "mail_place %s gives %s: not a path%s%s",
		    pattern, text, *user->home == '\0' ? "; the user has no home" : "",
		    strchr(user->name, '@') == NULL ? "; the user has no domain" : "");
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
