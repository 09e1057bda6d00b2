/*
 * All Maildirs below a directory: see migration.h.
 *
 * Whoever owns a part of the tree may change it while it is walked. Each directory is opened below
 * the one before, never by its path, and never through a symbolic link; the depth is bounded, and
 * with it the stack and the descriptors.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/migration.h"

#define DEPTH_MAX 64

struct walk {
	target_visitor visit;
	void *context;
	int result;		/* of the visitor */
	char path[PLACE_SIZE];	/* of what is looked at */
	size_t depth;
	struct {
		DIR *directory;
		size_t path_size;
	} levels[DEPTH_MAX];
};

static void
tell(struct walk *walk, const struct error *error)
{
	const struct target target = { .name = walk->path };

	walk->result = walk->visit(walk->context, &target, error);
}

static void
tell_unreadable(struct walk *walk)
{
	struct error error;

	error_errno(&error, errno == EACCES || errno == EPERM ? ERROR_DENIED : ERROR_TEMPORARY,
	    "cannot be read");
	tell(walk, &error);
}

static bool
has_directory(int directory, const char *name)
{
	struct stat status;

	return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* A Maildir's own folders are no maildrops: what is inside one is left alone. */
static bool
is_maildir(int directory)
{
	return has_directory(directory, "new") && has_directory(directory, "cur");
}

/* Goes into a directory, whose path is in its place. Takes the descriptor. */
static void
enter(struct walk *walk, int directory)
{
	struct error error;
	struct stat status;
	DIR *stream;

	if (is_maildir(directory) && fstat(directory, &status) == 0) {
		close(directory);
		walk->result = target_of_directory(walk->path, walk->path, &status, walk->visit,
		    walk->context);
		return;
	}
	if (walk->depth == DEPTH_MAX) {
		close(directory);
		error_set(&error, ERROR_PERMANENT, "too deep: what is in it is not looked at");
		tell(walk, &error);
		return;
	}
	stream = fdopendir(directory);
	if (stream == NULL) {
		tell_unreadable(walk);
		close(directory);
		return;
	}
	walk->levels[walk->depth].directory = stream;
	walk->levels[walk->depth++].path_size = strlen(walk->path);
}

static void
look(struct walk *walk, const struct dirent *entry)
{
	int above = dirfd(walk->levels[walk->depth - 1].directory), directory;
	size_t size = walk->levels[walk->depth - 1].path_size, room = sizeof(walk->path) - size;
	const char *slash = walk->path[size - 1] == '/' ? "" : "/";
	struct error error;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
	    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
		return;
	directory = openat(above, entry->d_name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* Gone, or something else by now. */
	if (directory < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return;
	if (snprintf(walk->path + size, room, "%s%s", slash, entry->d_name) >= (int)room) {
		if (directory >= 0)
			close(directory);
		walk->path[size] = '\0';
		error_set(&error, ERROR_PERMANENT, "a directory in it has too long a path");
		tell(walk, &error);
	} else if (directory < 0) {
		tell_unreadable(walk);
	} else {
		enter(walk, directory);
	}
}

/* The next of the directory that is deepest, or back to the one above. */
static void
step(struct walk *walk)
{
	DIR *directory = walk->levels[walk->depth - 1].directory;
	const struct dirent *entry;

	walk->path[walk->levels[walk->depth - 1].path_size] = '\0';
	errno = 0;
	entry = readdir(directory);
	if (entry != NULL) {
		look(walk, entry);
		return;
	}
	/* ENOENT: it was removed. */
	if (errno != 0 && errno != ENOENT)
		tell_unreadable(walk);
	closedir(directory);
	walk->depth--;
}

int
target_tree(const char *path, target_visitor visit, void *context)
{
	struct walk walk = { .visit = visit, .context = context };
	int directory;

	if (path[0] == '\0' || snprintf(walk.path, sizeof(walk.path), "%s", path) >= (int)sizeof(walk.path))
		return ctl_fail(EX_NOINPUT, "%s: no path, or too long a one", path);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return ctl_fail(EX_NOINPUT, "%s: %s", path, strerrordesc_np(errno));
	enter(&walk, directory);
	while (walk.depth > 0 && walk.result == 0)
		step(&walk);
	while (walk.depth > 0)
		closedir(walk.levels[--walk.depth].directory);
	return walk.result;
}
