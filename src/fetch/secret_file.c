/* See secret_file.h. */

#include "fetch/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

/* On the descriptor: what was looked at is what is read. */
static int
mode_check(int file, const char *path, struct error *error)
{
	struct stat status;

	if (fstat(file, &status) != 0)
		return error_errno(error, ERROR_DENIED, "%s", path);
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return error_set(
		    error, ERROR_DENIED, "%s belongs to somebody else, who knows what is in it", path);
	if ((status.st_mode & 077) != 0)
		return error_set(error, ERROR_DENIED, "others can read %s (mode %04o); run: chmod 600 %s", path,
		    (unsigned)status.st_mode & 07777, path);
	return 0;
}

static ssize_t
read_whole(int file, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while ((n = read(file, text + used, size - used)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		used += (size_t)n;
		if (used == size) {
			errno = EFBIG;
			return -1;
		}
	}
	return (ssize_t)used;
}

char *
secret_file_read(const char *path, bool is_private, struct error *error)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = NULL;
	ssize_t size = -1;

	if (file < 0) {
		error_errno(error, errno == ENOENT ? ERROR_GONE : ERROR_DENIED, "%s", path);
		return NULL;
	}
	if (is_private && mode_check(file, path, error) != 0) {
		close(file);
		return NULL;
	}
	text = calloc(1, SECRET_FILE_SIZE_MAX);
	if (text != NULL)
		size = read_whole(file, text, SECRET_FILE_SIZE_MAX);
	if (size < 0) {
		error_errno(error, ERROR_DENIED, "%s", path);
		secret_text_free(text);
		text = NULL;
	}
	close(file);
	return text;
}

void
secret_text_free(char *text)
{
	if (text != NULL)
		secret_wipe(text, SECRET_FILE_SIZE_MAX);
	free(text);
}

int
secret_first_line(const char *text, const char *path, char *secret, size_t size, struct error *error)
{
	size_t length = strcspn(text, "\n");

	if (length > 0 && text[length - 1] == '\r')
		length--;
	if (length == 0)
		return error_set(
		    error, ERROR_DENIED, "the first line of %s is empty; a password belongs there", path);
	if (length >= size)
		return error_set(
		    error, ERROR_DENIED, "the first line of %s has more than %zu octets", path, size - 1);
	memcpy(secret, text, length);
	secret[length] = '\0';
	return 0;
}
