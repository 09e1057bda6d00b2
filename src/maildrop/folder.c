/* See folder.h. */

#include "maildrop/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool
name_is_sound(const char *name)
{
	return *name != '\0' && *name != '.' && strchr(name, '/') == NULL;
}

/* Never through a link: it may lead out of the maildrop. */
static bool
is_directory(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool
folder_find(char place[PLACE_SIZE], const char *maildrop, const char *folder)
{
	static const char scheme[] = "maildir:";
	static const char *const parts[] = { "", "/cur", "/new", "/tmp" };
	char path[PLACE_SIZE + 8];
	size_t size = strlen(maildrop);

	if (strncmp(maildrop, scheme, sizeof(scheme) - 1) != 0 || !name_is_sound(folder))
		return false;
	while (size > sizeof(scheme) && maildrop[size - 1] == '/')
		size--;
	if (size + strlen(folder) + sizeof("/.") > PLACE_SIZE)
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/.%s%s", (int)size, maildrop, folder, parts[i]);
		if (!is_directory(path + sizeof(scheme) - 1))
			return false;
	}
	snprintf(place, PLACE_SIZE, "%.*s/.%s", (int)size, maildrop, folder);
	return true;
}
