/* See caller.h. */

#include "base/caller.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_SIZE (16 * 1024)

/* getpwuid(3) gives every thread the same buffer. */
static bool
caller_find(struct passwd *entry, char buffer[ENTRY_SIZE])
{
	struct passwd *found = NULL;

	return getpwuid_r(getuid(), entry, buffer, ENTRY_SIZE, &found) == 0 && found != NULL;
}

static bool
copy(char *to, size_t size, const char *text)
{
	bool fits = text != NULL && strlen(text) < size;

	snprintf(to, size, "%s", fits ? text : "");
	return fits;
}

bool
caller_name(char *name, size_t size)
{
	char buffer[ENTRY_SIZE];
	struct passwd entry;

	return copy(name, size, caller_find(&entry, buffer) ? entry.pw_name : NULL);
}

bool
caller_home(char *path, size_t size)
{
	char buffer[ENTRY_SIZE];
	struct passwd entry;

	return copy(path, size, caller_find(&entry, buffer) ? entry.pw_dir : NULL);
}
