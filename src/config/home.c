/* Where somebody's own files are: the home directory, and what the XDG base directories make of it. */

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/accounts.h"
#include "config/value.h"

/* NULL: there is none. An absolute path without a slash at its end, so that "~/x" has no double one. */
static const char *
home_directory(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user = NULL;

	if (home == NULL || home[0] != '/')
		user = getpwuid(getuid());
	if (user != NULL)
		home = user->pw_dir;
	return home != NULL && home[0] == '/' && home[1] != '\0' ? home : NULL;
}

bool
home_expand(char *path, size_t size, const char *text)
{
	const char *home;
	int length;

	if (text[0] != '~')
		return (size_t)snprintf(path, size, "%s", text) < size;
	home = home_directory();
	if (home == NULL || (text[1] != '\0' && text[1] != '/'))
		return false;
	length = (int)strlen(home);
	while (length > 0 && home[length - 1] == '/')
		length--;
	return (size_t)snprintf(path, size, "%.*s%s", length, home, text + 1) < size;
}

/* XDG Base Directory Specification: a relative path in the variable does not count. */
static int
directory_find(
    char path[PATH_SIZE], const char *variable, const char *usual, const char *name, struct error *error)
{
	const char *directory = getenv(variable);
	char place[PATH_SIZE];
	bool is_set = directory != NULL && directory[0] == '/';

	snprintf(place, sizeof(place), "%s/%s", is_set ? directory : usual, name);
	if (home_expand(path, PATH_SIZE, place))
		return 0;
	return error_set(
	    error, ERROR_PERMANENT, "there is no home directory to look in; set HOME or %s", variable);
}

int
accounts_path(char path[PATH_SIZE], struct error *error)
{
	return directory_find(path, "XDG_CONFIG_HOME", "~/.config", "restante/config", error);
}

int
accounts_state_directory(char path[PATH_SIZE], struct error *error)
{
	return directory_find(path, "XDG_STATE_HOME", "~/.local/state", "restante", error);
}
