/* See directory.h. */

#include "fetch/directory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

int
directory_make_for(const char *path, struct error *error)
{
	char part[PATH_SIZE];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return error_set(error, ERROR_PERMANENT, "%.150s is too long a path", path);
	for (char *p = strchr(part + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return error_errno(error, ERROR_PERMANENT, "%s", part);
		*p = '/';
	}
	return 0;
}

int
directory_make(const char *directory, struct error *error)
{
	char inside[PATH_SIZE + 2];

	snprintf(inside, sizeof(inside), "%.*s/", PATH_SIZE, directory);
	return directory_make_for(inside, error);
}

bool
text_write(int file, const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t n = write(file, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		size -= (size_t)n;
	}
	return fsync(file) == 0;
}
