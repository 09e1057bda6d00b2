/* Inside maildir_append.c: the directories of a Maildir that is delivered into, opened or made. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

int
maildir_append_directory(int directory, const char *path)
{
	return openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
parent_sync(const char *path, struct error *error)
{
	char parent[PLACE_SIZE];
	int directory, result;

	maildir_parent(parent, path);
	directory = maildir_append_directory(AT_FDCWD, parent);
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
maildir_make(struct maildir_append *a, const char *path, struct error *error)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return maildir_append_failure(error, "create the Maildir", path);
	a->maildir = maildir_append_directory(AT_FDCWD, path);
	if (a->maildir < 0)
		return maildir_append_failure(error, "open the Maildir", path);
	return folder_mark(a->maildir, path, error) == 0 ? parent_sync(path, error) : -1;
}

static int
maildir_open(struct maildir_append *a, const char *path, struct error *error)
{
	if (path[0] == '\0')
		return error_set(error, ERROR_PERMANENT, "the place names no directory");
	a->maildir = maildir_append_directory(AT_FDCWD, path);
	if (a->maildir < 0 && errno == ENOENT)
		return maildir_make(a, path, error);
	return a->maildir >= 0 ? 0 : maildir_append_failure(error, "open the Maildir", path);
}

/* One of new, cur and tmp. */
int
maildir_append_part(const struct maildir_append *a, const char *name, struct error *error)
{
	if ((mkdirat(a->maildir, name, 0700) != 0 && errno != EEXIST) || append_sync(a->maildir) != 0)
		return maildir_append_failure(error, "create the directory", name);
	return 0;
}

static int
parts_open(struct maildir_append *a, struct error *error)
{
	struct stat status;

	a->new = maildir_append_directory(a->maildir, "new");
	a->append.is_alone = a->new < 0;
	if (a->new < 0 && errno == ENOENT) {
		if (maildir_append_part(a, "new", error) != 0)
			return -1;
		a->new = maildir_append_directory(a->maildir, "new");
	}
	if (a->new < 0 || fstat(a->new, &a->new_status) != 0)
		return maildir_append_failure(error, "open the directory", "new");
	a->append.is_alone = a->append.is_alone || append_is_quiet(&a->new_status);
	if (fstatat(a->maildir, "cur", &status, 0) == 0)
		return 0;
	return errno == ENOENT ? maildir_append_part(a, "cur", error) :
	    maildir_append_failure(error, "look at", "cur");
}

/* The quota is the Maildir's in which a folder lies. */
static void
quota_locate(struct maildir_append *a, const char *path)
{
	char parent[PLACE_SIZE];
	struct stat status;
	int directory;

	a->quota = a->maildir;
	if (last_part(path)[0] != '.')
		return;
	maildir_parent(parent, path);
	directory = maildir_append_directory(AT_FDCWD, parent);
	if (directory < 0)
		return;
	if (fstatat(directory, "cur", &status, 0) == 0 && S_ISDIR(status.st_mode))
		a->quota = directory;
	else
		close(directory);
}

int
maildir_append_place(struct maildir_append *a, const char *place, struct error *error)
{
	char path[PLACE_SIZE];
	size_t size = (size_t)snprintf(path, sizeof(path), "%s", place);

	while (size > 1 && size < sizeof(path) && path[size - 1] == '/')
		path[--size] = '\0';
	if (maildir_open(a, path, error) != 0 || parts_open(a, error) != 0)
		return -1;
	quota_locate(a, path);
	return 0;
}
