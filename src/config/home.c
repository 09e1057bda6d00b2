/* Where somebody's own files are: the home directory, and what the XDG base directories make of it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caller.h"
#include "config/accounts.h"
#include "config/value.h"

/* False: there is none. An absolute path without a slash at its end, so that "~/x" has no double one. */
static bool
home_directory(char home[PATH_SIZE])
{
	const char *named = getenv("HOME");
	size_t length;

	if (named == NULL || named[0] != '/')
		caller_home(home, PATH_SIZE);
	else if ((size_t)snprintf(home, PATH_SIZE, "%s", named) >= PATH_SIZE)
		return false;
	length = strlen(home);
	if (home[0] != '/' || length == 1)
		return false;
	while (length > 0 && home[length - 1] == '/')
		home[--length] = '\0';
	return true;
}

bool
home_expand(char *path, size_t size, const char *text)
{
	char home[PATH_SIZE];

	if (text[0] != '~')
		return (size_t)snprintf(path, size, "%s", text) < size;
	if ((text[1] != '\0' && text[1] != '/') || !home_directory(home))
		return false;
	return (size_t)snprintf(path, size, "%s%s", home, text + 1) < size;
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
