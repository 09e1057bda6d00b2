/* Inside maildir_append.c: the directories of a Maildir that is delivered into, opened or made. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/maildir_append_inside.h"
#include "store/maildir_file.h"

int
maildir_append_failure(struct error *error, const char *what, const char *name)
{
	return error_errno(error, append_errno_kind(), "cannot %s %.150s", what, name);
}

/* Its descriptor; errno says why there is none. */
static int
directory_open(int directory, const char *path)
{
	return openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
parent_sync(const char *path, struct error *error)
{
	char parent[PLACE_SIZE];
	int directory, result;

	maildir_parent(parent, path);
	directory = directory_open(AT_FDCWD, parent);
	if (directory < 0)
		return maildir_append_failure(error, "open", parent);
	result = append_sync(directory);
	if (result != 0)
		maildir_append_failure(error, "sync", parent);
	close(directory);
	return result;
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* What Courier wants to see in a folder of a Maildir++. */
static int
folder_mark(int maildir, const char *path, struct error *error)
{
	int file;

	if (last_part(path)[0] != '.')
		return 0;
	file = openat(maildir, "maildirfolder", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return maildir_append_failure(error, "create maildirfolder in", path);
	close(file);
	return 0;
}

static int
maildir_make(struct directories *at, const char *path, struct error *error)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return maildir_append_failure(error, "create the Maildir", path);
	at->maildir = directory_open(AT_FDCWD, path);
	if (at->maildir < 0)
		return maildir_append_failure(error, "open the Maildir", path);
	return folder_mark(at->maildir, path, error) == 0 ? parent_sync(path, error) : -1;
}

static int
maildir_open(struct directories *at, const char *path, struct error *error)
{
	if (path[0] == '\0')
		return error_set(error, ERROR_PERMANENT, "the place names no directory");
	at->maildir = directory_open(AT_FDCWD, path);
	if (at->maildir < 0 && errno == ENOENT)
		return maildir_make(at, path, error);
	return at->maildir >= 0 ? 0 : maildir_append_failure(error, "open the Maildir", path);
}

/* One of new, cur and tmp. */
static int
part_make(const struct directories *at, const char *name, struct error *error)
{
	if ((mkdirat(at->maildir, name, 0700) != 0 && errno != EEXIST) || append_sync(at->maildir) != 0)
		return maildir_append_failure(error, "create the directory", name);
	return 0;
}

/* 1: it was missing. */
static int
part_open(const struct directories *at, const char *name, int *part, struct stat *status, struct error *error)
{
	bool is_missing;

	*part = directory_open(at->maildir, name);
	is_missing = *part < 0 && errno == ENOENT;
	if (is_missing) {
		if (part_make(at, name, error) != 0)
			return -1;
		*part = directory_open(at->maildir, name);
	}
	if (*part < 0 || fstat(*part, status) != 0)
		return maildir_append_failure(error, "open the directory", name);
	return is_missing;
}

static int
parts_open(struct directories *at, struct error *error)
{
	struct stat status;
	int is_missing = part_open(at, "new", &at->new, &at->new_status, error);

	if (is_missing < 0 || part_open(at, "tmp", &at->tmp, &at->tmp_status, error) < 0)
		return -1;
	at->is_alone = is_missing == 1 || append_is_quiet(&at->new_status);
	if (fstatat(at->maildir, "cur", &status, 0) == 0)
		return 0;
	return errno == ENOENT ? part_make(at, "cur", error) :
	    maildir_append_failure(error, "look at", "cur");
}

/* The quota is the Maildir's in which a folder lies. */
static void
quota_locate(struct directories *at, const char *path)
{
	char parent[PLACE_SIZE];
	struct stat status;
	int directory;

	at->quota = at->maildir;
	if (last_part(path)[0] != '.')
		return;
	maildir_parent(parent, path);
	directory = directory_open(AT_FDCWD, parent);
	if (directory < 0)
		return;
	if (fstatat(directory, "cur", &status, 0) == 0 && S_ISDIR(status.st_mode))
		at->quota = directory;
	else
		close(directory);
}

static int
place_open(struct directories *at, const char *place, struct error *error)
{
	char path[PLACE_SIZE];
	size_t size = (size_t)snprintf(path, sizeof(path), "%s", place);

	while (size > 1 && size < sizeof(path) && path[size - 1] == '/')
		path[--size] = '\0';
	if (maildir_open(at, path, error) != 0 || parts_open(at, error) != 0)
		return -1;
	quota_locate(at, path);
	return 0;
}

struct directories *
directories_open(const char *place, struct error *error)
{
	struct directories *at = calloc(1, sizeof(*at));

	if (at == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
		return NULL;
	}
	at->users = 1;
	at->maildir = at->tmp = at->new = at->quota = -1;
	if (place_open(at, place, error) == 0)
		return at;
	directories_end(at);
	return NULL;
}

static void
close_open(int directory)
{
	if (directory >= 0)
		close(directory);
}

void
directories_end(struct directories *at)
{
	if (--at->users > 0)
		return;
	if (at->quota != at->maildir)
		close_open(at->quota);
	close_open(at->new);
	close_open(at->tmp);
	close_open(at->maildir);
	free(at);
}
