/* See state_place.h. */

#include "fetch/state_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "fetch/state.h"
#include "store/append.h"

/* '/' ends a name, a dot begins those that are ours; what is not ASCII is a letter of somebody's name. */
static bool
is_plain(unsigned char octet, bool first)
{
	return octet > ' ' && octet != 0x7f && octet != '/' && octet != '%' && !(first && octet == '.');
}

int
state_names_make(struct state_names *names, const char *account, struct error *error)
{
	char file[NAME_MAX + 1];
	size_t used = 0;

	for (const char *at = account; *at != '\0'; at++) {
		if (used + 3 + strlen(".") + strlen(".lock") > NAME_MAX)
			return error_set(error, ERROR_PERMANENT, "the account's name is too long");
		if (is_plain((unsigned char)*at, at == account))
			file[used++] = *at;
		else
			used += (size_t)snprintf(file + used, 4, "%%%02X", (unsigned char)*at);
	}
	file[used] = '\0';
	if (used == 0)
		return error_set(error, ERROR_PERMANENT, "the account has no name");
	snprintf(names->file, sizeof(names->file), "%s", file);
	snprintf(names->lock, sizeof(names->lock), ".%.*s.lock", (int)used, file);
	snprintf(names->next, sizeof(names->next), ".%.*s.next", (int)used, file);
	return 0;
}

/* With those above it: "~/.local" need not be there. */
static int
directories_make(const char *path, struct error *error)
{
	char part[PLACE_SIZE];

	if (path[0] != '/' || snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return error_set(error, ERROR_PERMANENT,
		    "the state's directory needs an absolute path, and a shorter one");
	for (char *at = part + 1; at[-1] != '\0'; at++) {
		char octet = *at;

		if (octet != '/' && octet != '\0')
			continue;
		*at = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return error_errno(error, ERROR_PERMANENT, "cannot make the directory %.150s", part);
		*at = octet;
	}
	return 0;
}

/* Those that may not be read are none of ours. */
int
state_directory_sync(const char *path, struct error *error)
{
	char part[PLACE_SIZE];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash; (slash = strrchr(part, '/')) != NULL;) {
		int directory, result;

		slash[slash == part] = '\0';
		directory = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		result = directory >= 0 ? append_sync(directory) : 0;
		if (result != 0)
			error_errno(error, append_errno_kind(), "cannot sync the directory %.150s", part);
		if (directory >= 0)
			close(directory);
		if (result != 0)
			return -1;
		if (slash == part)
			break;
	}
	return 0;
}

int
state_directory_open(const char *path, bool make, struct error *error)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0 && errno == ENOENT && make) {
		if (directories_make(path, error) != 0)
			return -1;
		directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return directory >= 0 ? directory :
	    error_errno(error, errno == ENOENT ? ERROR_GONE : ERROR_PERMANENT, "cannot open %.150s", path);
}
