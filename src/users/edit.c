/* Changing the users file; see edit.h for what is promised. */

#include "users/edit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/octets.h"
#include "base/secret.h"

/* A change in progress: the locked directory, the old text, the new text. */
struct edit {
	char path[PATH_MAX]; /* without symbolic links */
	char directory_path[PATH_MAX];
	const char *base_name; /* inside path */
	int directory;
	mode_t mode;
	struct users_owner owner;
	char *old;
	size_t old_size;
	FILE *new;
	char *new_text;
	size_t new_size;
};

#define NEW_SUFFIX ".new" /* its content is nobody's: the lock says so */

static int
resolve(struct edit *edit, const char *path, struct error *error)
{
	char *slash;
	size_t size;

	/* A file that is to be made has no real path, but its directory has. */
	if (realpath(path, edit->path) == NULL) {
		const char *name = strrchr(path, '/');

		name = name == NULL ? path : name + 1;
		if (errno != ENOENT || *name == '\0' ||
		    strlen(path) >= sizeof(edit->directory_path))
			return error_errno(error, ERROR_PERMANENT, "%s", path);
		snprintf(edit->directory_path, sizeof(edit->directory_path), "%.*s/.",
		    (int)(name - path), path);
		if (realpath(name == path ? "." : edit->directory_path, edit->path) == NULL)
			return error_errno(error, ERROR_PERMANENT, "the directory of %s", path);
		size = strlen(edit->path);
		if ((size_t)snprintf(edit->path + size, sizeof(edit->path) - size, "/%s", name) >=
		    sizeof(edit->path) - size)
			return error_set(error, ERROR_PERMANENT, "%s: too long a path", path);
	}
	slash = strrchr(edit->path, '/');
	edit->base_name = slash + 1;
	snprintf(edit->directory_path, sizeof(edit->directory_path), "%.*s",
	    slash == edit->path ? 1 : (int)(slash - edit->path), edit->path);
	return 0;
}

static int
lock(struct edit *edit, struct error *error)
{
	edit->directory = open(edit->directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (edit->directory < 0)
		return error_errno(error, ERROR_PERMANENT, "%s", edit->directory_path);
	while (flock(edit->directory, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_errno(
			    error, ERROR_TEMPORARY, "cannot lock %s", edit->directory_path);
	return 0;
}

static int
read_all(struct edit *edit, int file, const struct stat *status, struct error *error)
{
	size_t room = (size_t)status->st_size;
	ssize_t n;

	edit->old = malloc(room + 1);
	if (edit->old == NULL || (n = octets_read(file, edit->old, room)) < 0)
		return error_errno(error, ERROR_TEMPORARY, "%s", edit->path);
	edit->old_size = (size_t)n;
	return 0;
}

/* created: the file need not exist. */
static int
read_old(struct edit *edit, bool create, struct error *error)
{
	int file = openat(edit->directory, edit->base_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	int result;

	if (file < 0)
		return create && errno == ENOENT
			   ? 0
			   : error_errno(error, ERROR_PERMANENT, "%s", edit->path);
	if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(file);
		return error_set(error, ERROR_PERMANENT, "%s: not a file", edit->path);
	}
	if ((status.st_mode & 07777) == 0640)
		edit->mode = 0640;
	edit->owner = (struct users_owner){ status.st_uid, status.st_gid };
	result = read_all(edit, file, &status, error);
	close(file);
	return result;
}

static void
edit_end(struct edit *edit)
{
	if (edit->new != NULL)
		fclose(edit->new);
	if (edit->old != NULL)
		secret_wipe(edit->old, edit->old_size);
	if (edit->new_text != NULL)
		secret_wipe(edit->new_text, edit->new_size);
	free(edit->old);
	free(edit->new_text);
	if (edit->directory >= 0)
		close(edit->directory);
}

static int
edit_begin(struct edit *edit, const char *path, bool create, struct error *error)
{
	*edit = (struct edit){ .directory = -1, .mode = 0600, .owner = { (uid_t)-1, (gid_t)-1 } };
	if (resolve(edit, path, error) < 0 || lock(edit, error) < 0 ||
	    read_old(edit, create, error) < 0) {
		edit_end(edit);
		return -1;
	}
	edit->new = open_memstream(&edit->new_text, &edit->new_size);
	if (edit->new == NULL) {
		edit_end(edit);
		return error_set(error, ERROR_TEMPORARY, "no memory for the new users file");
	}
	return 0;
}

static int
write_new(struct edit *edit, int file, struct error *error)
{
	struct stat status;

	if (fstat(file, &status) < 0)
		return error_errno(error, ERROR_TEMPORARY, "%s%s", edit->path, NEW_SUFFIX);
	if (edit->owner.uid != (uid_t)-1 &&
	    (edit->owner.uid != status.st_uid || edit->owner.gid != status.st_gid) &&
	    fchown(file, edit->owner.uid, edit->owner.gid) < 0)
		return error_errno(
		    error, ERROR_PERMANENT, "cannot keep the owner of %s", edit->path);
	if (fchmod(file, edit->mode) < 0)
		return error_errno(error, ERROR_PERMANENT, "%s%s", edit->path, NEW_SUFFIX);
	if (octets_write(file, edit->new_text, edit->new_size) < 0 || fsync(file) < 0)
		return error_errno(error, ERROR_TEMPORARY, "%s%s", edit->path, NEW_SUFFIX);
	return 0;
}

/* Puts the new text in the old one's place, and ends the edit whatever happens. */
static int
edit_commit(struct edit *edit, struct error *error)
{
	char name[NAME_MAX + 1];
	int file = -1, result = -1;

	if (fflush(edit->new) != 0) {
		error_set(error, ERROR_TEMPORARY, "no memory for the new users file");
		goto end;
	}
	if ((size_t)snprintf(name, sizeof(name), "%s" NEW_SUFFIX, edit->base_name) >=
	    sizeof(name)) {
		error_set(error, ERROR_PERMANENT, "%s: too long a name", edit->path);
		goto end;
	}
	/* One that is there was left by an edit that did not come to its end. */
	unlinkat(edit->directory, name, 0);
	file = openat(edit->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0) {
		error_errno(error, ERROR_PERMANENT, "%s" NEW_SUFFIX, edit->path);
		goto end;
	}
	result = write_new(edit, file, error);
	close(file);
	if (result == 0 && renameat(edit->directory, name, edit->directory, edit->base_name) < 0)
		result = error_errno(error, ERROR_TEMPORARY, "%s", edit->path);
	if (result < 0)
		unlinkat(edit->directory, name, 0);
	else if (fsync(edit->directory) < 0)
		result = error_errno(error, ERROR_TEMPORARY, "%s", edit->directory_path);
end:
	edit_end(edit);
	return result;
}

/* Is this line, with its line end, one of the user's? */
static bool
line_is_of(const char *line, size_t size, const char *name)
{
	size_t length = strlen(name);

	return size > length && memcmp(line, name, length) == 0 && line[length] == ':';
}

/* The line with another second field. Its line end belongs to the last field. */
static void
write_changed(FILE *new, const char *line, size_t size, const char *name, const char *stored)
{
	size_t start = strlen(name) + 1;
	const char *rest = memchr(line + start, ':', size - start);

	fprintf(new, "%s:%s", name, stored);
	for (const char *p = rest == NULL ? line + start : rest; p < line + size; p++)
		if (rest != NULL || *p == '\r' || *p == '\n')
			fputc(*p, new);
}

/*
 * Copies the old text; lines of that user are left out, or get another password. Returns how many
 * there were.
 */
static size_t
copy_lines(struct edit *edit, const char *name, const char *stored)
{
	size_t found = 0, left = edit->old_size;

	/* (A new file has no old text, and no pointer to it.) */
	for (const char *line = edit->old; left > 0;) {
		const char *newline = memchr(line, '\n', left);
		size_t size = newline == NULL ? left : (size_t)(newline - line) + 1;

		if (!line_is_of(line, size, name))
			fwrite(line, 1, size, edit->new);
		else if (++found, stored != NULL)
			write_changed(edit->new, line, size, name, stored);
		line += size;
		left -= size;
	}
	return found;
}

static int
check_name(const char *name, struct error *error)
{
	if (*name == '\0' || *name == '#' || strlen(name) >= USER_SIZE ||
	    strpbrk(name, ":\r\n") != NULL)
		return error_set(error, ERROR_PERMANENT,
		    "a user name is 1 to %d octets, without ':', not beginning with '#'",
		    USER_SIZE - 1);
	return 0;
}

static int
check_home(const char *home, struct error *error)
{
	if ((*home != '\0' && *home != '/') || strlen(home) >= PLACE_SIZE ||
	    strpbrk(home, ":\r\n") != NULL)
		return error_set(
		    error, ERROR_PERMANENT, "a home is a path that begins with '/' and has no ':'");
	return 0;
}

int
users_add(
    const char *path, const struct user *user, const struct users_owner *owner, struct error *error)
{
	struct edit edit;

	if (check_name(user->name, error) < 0 || check_home(user->home, error) < 0 ||
	    edit_begin(&edit, path, true, error) < 0)
		return -1;
	if (edit.old == NULL && owner != NULL)
		edit.owner = *owner;
	if (copy_lines(&edit, user->name, "") > 0) {
		edit_end(&edit);
		return error_set(error, ERROR_BUSY, "user %s exists already", user->name);
	}
	if (edit.old_size > 0 && edit.old[edit.old_size - 1] != '\n')
		fputc('\n', edit.new);
	fprintf(edit.new, "%s:%s:%" PRIu32 ":%" PRIu32 "::%s::\n", user->name, user->password,
	    user->uid, user->gid, user->home);
	return edit_commit(&edit, error);
}

static int
change(const char *path, const char *name, const char *stored, struct error *error)
{
	struct edit edit;

	if (check_name(name, error) < 0 || edit_begin(&edit, path, false, error) < 0)
		return -1;
	if (copy_lines(&edit, name, stored) == 0) {
		edit_end(&edit);
		return error_set(error, ERROR_GONE, "there is no user %s", name);
	}
	return edit_commit(&edit, error);
}

int
users_set_password(const char *path, const char *name, const char *stored, struct error *error)
{
	return change(path, name, stored, error);
}

int
users_delete(const char *path, const char *name, struct error *error)
{
	return change(path, name, NULL, error);
}
