/* See text_file.h. */

#include "store/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/octets.h"

/* As much as there is, up to the size that it had when it was opened. */
static int
read_all(char **text, size_t *size, int file, const char *name, struct error *error)
{
	struct stat status;
	char *buffer;
	ssize_t n;

	if (fstat(file, &status) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot read %.150s", name);
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_TEMPORARY, "%.150s is no regular file", name);
	if ((uint64_t)status.st_size > TEXT_FILE_SIZE_MAX)
		return error_set(error, ERROR_TEMPORARY, "%.150s is too large", name);
	buffer = malloc((size_t)status.st_size + 1);
	if (buffer == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for %.150s", name);
	n = octets_read(file, buffer, (size_t)status.st_size);
	if (n < 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot read %.150s", name);
		free(buffer);
		return -1;
	}
	buffer[n] = '\0';
	*text = buffer;
	*size = (size_t)n;
	return 1;
}

int
text_file_read(char **text, size_t *size, int directory, const char *name, struct error *error)
{
	int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), result;

	if (file < 0)
		return errno == ENOENT ? 0
		                       : error_errno(error, ERROR_TEMPORARY, "cannot open %.150s", name);
	result = read_all(text, size, file, name, error);
	close(file);
	return result;
}
