/* See maildir_locate.h. */

#include "store/maildir_locate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/append.h"
#include "store/maildir_file.h"
#include "store/maildir_name.h"

/* A file that another program moves may be behind the look when it should be before it. */
#define LOOKS 2

static int
failure(struct error *error, const char *what, const char *name)
{
	return error_errno(error, append_errno_kind(), "cannot %s %.150s", what, name);
}

/* -1: errno says why; ENOENT is nothing to look at. Links are followed, as a delivery follows them. */
static int
directory_open(int directory, const char *path)
{
	return openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The unique part, as a name in new/ or cur/ has it. */
static bool
is_of(const char *name, const char *unique, size_t size)
{
	struct maildir_name parts;

	if (strncmp(name, unique, size) != 0)
		return false;
	maildir_name_parse(&parts, name);
	return parts.unique_size == size;
}

/* 1: it is there, and durable. */
static int
part_look(int maildir, const char *part, const char *unique, bool syncs, struct error *error)
{
	int directory = directory_open(maildir, part), found = 0;
	const struct dirent *entry;
	DIR *stream;

	if (directory < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : failure(error, "open", part);
	stream = fdopendir(directory);
	if (stream == NULL) {
		close(directory);
		return failure(error, "read", part);
	}
	while (errno = 0, found == 0 && (entry = readdir(stream)) != NULL)
		found = is_of(entry->d_name, unique, strlen(unique));
	if (found == 0 && errno != 0)
		found = failure(error, "read", part);
	if (found >= 0 && (found == 1 || syncs) && append_sync(directory) != 0)
		found = failure(error, "sync", part);
	closedir(stream);
	return found;
}

/* syncs: what was done to the directories is durable also where nothing is found. */
static int
maildir_look(int maildir, const char *unique, bool syncs, struct error *error)
{
	int found = part_look(maildir, "new", unique, syncs, error);

	return found == 0 ? part_look(maildir, "cur", unique, syncs, error) : found;
}

static int
folder_look(int root, const char *name, const char *unique, struct error *error)
{
	int folder, found;

	if (name[0] != '.' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	folder = directory_open(root, name);
	if (folder < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : failure(error, "open", name);
	found = maildir_look(folder, unique, false, error);
	close(folder);
	return found;
}

/* All folders of the Maildir++ whose root that is. */
static int
folders_look(int root, const char *unique, struct error *error)
{
	int directory = directory_open(root, "."), found = 0;
	const struct dirent *entry;
	DIR *stream = directory >= 0 ? fdopendir(directory) : NULL;

	if (stream == NULL) {
		found = failure(error, "read", "the Maildir");
		if (directory >= 0)
			close(directory);
		return found;
	}
	while (errno = 0, found == 0 && (entry = readdir(stream)) != NULL)
		found = folder_look(root, entry->d_name, unique, error);
	if (found == 0 && errno != 0)
		found = failure(error, "read", "the Maildir");
	closedir(stream);
	return found;
}

/* Where the others of a Maildir++ are: beside a folder, or in the Maildir itself. */
static int
root_open(int maildir, const char *path)
{
	const char *slash = strrchr(path, '/');

	return directory_open(maildir, (slash != NULL ? slash[1] : path[0]) == '.' ? ".." : ".");
}

static int
place_look(int maildir, const char *path, const char *unique, struct error *error)
{
	int found = maildir_look(maildir, unique, true, error), root;

	if (found != 0)
		return found;
	root = root_open(maildir, path);
	if (root < 0)
		return failure(error, "open", "the Maildir");
	found = maildir_look(root, unique, false, error);
	if (found == 0)
		found = folders_look(root, unique, error);
	close(root);
	return found;
}

static int
tmp_look(int maildir, const char *unique, struct maildir_found *found, struct error *error)
{
	char path[NAME_MAX + 8];
	struct stat status;

	if (fstatat(maildir, "tmp", &status, 0) != 0)
		return errno == ENOENT ? 0 : failure(error, "look at", "tmp");
	found->is_maildir = true;
	found->tmp_device = status.st_dev;
	found->tmp_inode = status.st_ino;
	snprintf(path, sizeof(path), "tmp/%s", unique);
	found->in_tmp = fstatat(maildir, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
	return found->in_tmp || errno == ENOENT ? 0 : failure(error, "look at", path);
}

int
maildir_locate(const char *path, const char *unique, struct maildir_found *found, struct error *error)
{
	struct maildir_found now = { .is_maildir = false };
	int maildir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

	if (maildir < 0 && errno == ENOENT) {
		*found = now;
		return 0;
	}
	if (maildir < 0)
		return failure(error, "open the Maildir", path);
	result = tmp_look(maildir, unique, &now, error);
	for (int look = 0; result == 0 && look < LOOKS; look++)
		result = place_look(maildir, path, unique, error);
	close(maildir);
	if (result < 0)
		return -1;
	now.in_place = result == 1;
	*found = now;
	return 0;
}

void
maildir_tmp_remove(const char *path, const char *unique)
{
	char name[PLACE_SIZE + NAME_MAX + 8];

	snprintf(name, sizeof(name), "%s/tmp/%s", path, unique);
	unlink(name);
}
