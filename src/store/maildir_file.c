/* See maildir_file.h. */

#include "store/maildir_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/maildir_scan.h"

#define TRIES_MAX 8	/* for a file that moves between being found and being used */

/* Done for each of very many files: snprintf() would be a twentieth of all that their opening costs. */
static char *
text_put(char *to, const char *limit, const char *text)
{
	return mempcpy(to, text, strnlen(text, (size_t)(limit - to)));
}

void
maildir_parent(char parent[PLACE_SIZE], const char *path)
{
	size_t size = strnlen(path, PLACE_SIZE - 1);

	while (size > 1 && path[size - 1] == '/')
		size--;
	while (size > 1 && path[size - 1] != '/')
		size--;
	snprintf(parent, PLACE_SIZE, "%.*s", (int)size, path[size - 1] == '/' ? path : ".");
}

void
maildir_file_path(const struct index_list *list, const struct index_entry *entry,
    char path[MAILDIR_PATH_SIZE])
{
	char *limit = path + MAILDIR_PATH_SIZE - 1;
	char *end = text_put(path, limit, maildir_directory_names[entry->directory]);

	*end++ = '/';
	end = text_put(end, limit, index_base(list, entry));
	*text_put(end, limit, index_flags(list, entry)) = '\0';
}

/* The same for a file that other programs have renamed. ERROR_GONE: it is nowhere. */
static int
path_anew(int maildir, const struct index_list *list, const struct index_entry *entry,
    char path[MAILDIR_PATH_SIZE], struct error *error)
{
	enum maildir_directory which;
	char name[256];
	int found = maildir_find(maildir, list, entry, &which, name, error);

	if (found == 0)
		return error_set(error, ERROR_GONE, "the message was removed by another program");
	if (found < 0)
		return -1;
	snprintf(path, MAILDIR_PATH_SIZE, "%s/%s", maildir_directory_names[which], name);
	return 0;
}

/* Is it this message, for good, or the machine, for now? */
static enum error_kind
open_failure_kind(void)
{
	return errno == EACCES || errno == EPERM || errno == ELOOP || errno == EIO ? ERROR_PERMANENT
	                                                                           : ERROR_TEMPORARY;
}

int
maildir_file_open(int maildir, const struct index_list *list, const struct index_entry *entry,
    struct error *error)
{
	static const int how = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	char path[MAILDIR_PATH_SIZE];
	int file;

	maildir_file_path(list, entry, path);
	file = openat(maildir, path, how);
	for (int tries = 0; file < 0 && errno == ENOENT; tries++) {
		if (tries == TRIES_MAX)
			return error_set(error, ERROR_TEMPORARY, "cannot open %.150s: it moves", path);
		if (path_anew(maildir, list, entry, path, error) != 0)
			return -1;
		file = openat(maildir, path, how);
	}
	if (file < 0)
		return error_errno(error, open_failure_kind(), "cannot open the message %.150s", path);
	return file;
}

uint16_t
maildir_file_stamp(const struct stat *status)
{
	uint64_t digest = (uint64_t)status->st_ino;

	digest = digest * 0x9e3779b97f4a7c15 + (uint64_t)status->st_mtim.tv_sec;
	digest = digest * 0x9e3779b97f4a7c15 + (uint64_t)status->st_mtim.tv_nsec;
	return (uint16_t)(digest * 0x9e3779b97f4a7c15 >> 48);
}

ssize_t
maildir_file_read(int file, void *buffer, size_t size, uint64_t offset, struct error *error)
{
	ssize_t n;

	do
		n = pread(file, buffer, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n : error_errno(error, errno == EIO ? ERROR_PERMANENT : ERROR_TEMPORARY,
	                        "cannot read a message");
}

int
maildir_file_remove(int maildir, const struct index_list *list, const struct index_entry *entry,
    struct error *error)
{
	char path[MAILDIR_PATH_SIZE];

	maildir_file_path(list, entry, path);
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		int result = unlinkat(maildir, path, 0);

		if (result == 0 && (entry->flags & INDEX_DOUBLE) == 0)
			return 0;
		if (result != 0 && errno != ENOENT)
			return error_errno(error, ERROR_TEMPORARY, "cannot remove %.150s", path);
		if (path_anew(maildir, list, entry, path, error) != 0)
			return error->kind == ERROR_GONE ? 0 : -1;
	}
	return error_set(error, ERROR_TEMPORARY, "cannot remove %.150s: it moves", path);
}
