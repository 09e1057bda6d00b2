/*
 * See maildir_append.h.
 *
 * The file is synced by the thread of its own delivery, with fsync(2), before the deliveries to one
 * Maildir meet: the file system puts those that sync at the same time into one transaction, and each
 * learns its own outcome. Measured with bench/diskfloor (DESIGN.md, section 3, has the figures).
 */

#include "store/maildir_append.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "mail/wire.h"
#include "store/append_text.h"
#include "store/maildir_file.h"
#include "store/maildir_quota.h"

#define NAME_TRIES 16
#define HOST_ESCAPED_SIZE 128

enum whereabouts { NOWHERE, IN_TMP, IN_NEW };

struct maildir_append {
	struct append append;	/* first: the two share their address */
	int maildir, new, file;	/* -1: not open */
	int quota;		/* the Maildir whose quota it is: maildir, or that of which it is a folder */
	struct stat new_status;
	bool new_synced;	/* with another delivery to the same directory */
	enum whereabouts where;
	char unique[NAME_MAX + 1];
	char name[NAME_MAX + 64];	/* with the sizes */
	uint64_t size, wire_size;
};

static struct maildir_append *
maildir_append_of(struct append *append)
{
	return (struct maildir_append *)append;
}

static int
failure(struct error *error, const char *what, const char *name)
{
	return error_errno(error, append_errno_kind(), "cannot %s %.150s", what, name);
}

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
		return failure(error, "open", parent);
	result = append_sync(directory);
	if (result != 0)
		failure(error, "sync", parent);
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
		return failure(error, "create maildirfolder in", path);
	close(file);
	return 0;
}

static int
maildir_make(struct maildir_append *a, const char *path, struct error *error)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return failure(error, "create the Maildir", path);
	a->maildir = directory_open(AT_FDCWD, path);
	if (a->maildir < 0)
		return failure(error, "open the Maildir", path);
	return folder_mark(a->maildir, path, error) == 0 ? parent_sync(path, error) : -1;
}

static int
maildir_open(struct maildir_append *a, const char *path, struct error *error)
{
	if (path[0] == '\0')
		return error_set(error, ERROR_PERMANENT, "the place names no directory");
	a->maildir = directory_open(AT_FDCWD, path);
	if (a->maildir < 0 && errno == ENOENT)
		return maildir_make(a, path, error);
	return a->maildir >= 0 ? 0 : failure(error, "open the Maildir", path);
}

/* One of new, cur and tmp. */
static int
part_make(const struct maildir_append *a, const char *name, struct error *error)
{
	if ((mkdirat(a->maildir, name, 0700) != 0 && errno != EEXIST) || append_sync(a->maildir) != 0)
		return failure(error, "create the directory", name);
	return 0;
}

static int
parts_open(struct maildir_append *a, struct error *error)
{
	struct stat status;

	a->new = directory_open(a->maildir, "new");
	if (a->new < 0 && errno == ENOENT) {
		if (part_make(a, "new", error) != 0)
			return -1;
		a->new = directory_open(a->maildir, "new");
	}
	if (a->new < 0 || fstat(a->new, &a->new_status) != 0)
		return failure(error, "open the directory", "new");
	if (fstatat(a->maildir, "cur", &status, 0) == 0)
		return 0;
	return errno == ENOENT ? part_make(a, "cur", error) : failure(error, "look at", "cur");
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
	directory = directory_open(AT_FDCWD, parent);
	if (directory < 0)
		return;
	if (fstatat(directory, "cur", &status, 0) == 0 && S_ISDIR(status.st_mode))
		a->quota = directory;
	else
		close(directory);
}

/* As qmail does: '/' ends a name, ':' its base. */
static void
host_escape(char escaped[HOST_ESCAPED_SIZE])
{
	char host[HOST_SIZE] = "";
	size_t used = 0;

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "localhost");
	for (const char *c = host; *c != '\0' && used < HOST_ESCAPED_SIZE - 5; c++) {
		if (*c == '/' || *c == ':')
			used += (size_t)snprintf(escaped + used, 5, "\\%03o", *c);
		else
			escaped[used++] = *c;
	}
	escaped[used] = '\0';
}

static void
unique_make(char unique[NAME_MAX + 1])
{
	static atomic_uint counter;
	char host[HOST_ESCAPED_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	host_escape(host);
	snprintf(unique, NAME_MAX + 1, "%lld.M%06ldP%dQ%u.%s", (long long)now.tv_sec, now.tv_nsec / 1000,
	    (int)getpid(), atomic_fetch_add(&counter, 1) + 1, host);
}

static void
tmp_path(const struct maildir_append *a, char path[NAME_MAX + 8])
{
	snprintf(path, NAME_MAX + 8, "tmp/%s", a->unique);
}

static int
file_create(struct maildir_append *a, struct error *error)
{
	char path[NAME_MAX + 8];

	for (int tries = 0; tries < NAME_TRIES; tries++) {
		unique_make(a->unique);
		tmp_path(a, path);
		a->file = openat(a->maildir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (a->file >= 0) {
			a->where = IN_TMP;
			return 0;
		}
		if (errno != EEXIST && errno != ENOENT && errno != EINTR)
			break;
		if (errno == ENOENT && part_make(a, "tmp", error) != 0)
			return -1;
	}
	return failure(error, "create", path);
}

static int
file_write(struct maildir_append *a, const struct delivery *delivery, struct error *error)
{
	struct append_text *text = append_text_new(delivery, error);
	struct wire_size wire;
	const char *piece;
	ssize_t size = -1;

	if (text == NULL)
		return -1;
	wire_size_begin(&wire);
	while ((size = append_text_next(text, &piece, error)) > 0) {
		if (append_write(a->file, piece, (size_t)size, a->size, "a message into tmp", error) != 0) {
			size = -1;
			break;
		}
		wire_size_add(&wire, piece, (size_t)size);
		a->size += (uint64_t)size;
	}
	free(text);
	a->wire_size = wire_size_end(&wire);
	snprintf(a->name, sizeof(a->name), "%s,S=%" PRIu64 ",W=%" PRIu64, a->unique, a->size, a->wire_size);
	return size < 0 ? -1 : 0;
}

static void
maildir_append_end(struct append *append)
{
	struct maildir_append *a = maildir_append_of(append);
	char path[NAME_MAX + 8];

	if (a->where == IN_TMP) {
		tmp_path(a, path);
		unlinkat(a->maildir, path, 0);
	}
	if (a->quota >= 0 && a->quota != a->maildir)
		close(a->quota);
	if (a->file >= 0)
		close(a->file);
	if (a->new >= 0)
		close(a->new);
	if (a->maildir >= 0)
		close(a->maildir);
	free(a);
}

static int
maildir_append_begin(struct append **append, const char *place, const struct delivery *delivery,
    struct error *error)
{
	struct maildir_append *a = calloc(1, sizeof(*a));
	char path[PLACE_SIZE];
	size_t size = (size_t)snprintf(path, sizeof(path), "%s", place);

	if (a == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
	a->append.ops = &maildir_append_ops;
	a->maildir = a->new = a->file = a->quota = -1;
	while (size > 1 && size < sizeof(path) && path[size - 1] == '/')
		path[--size] = '\0';
	if (maildir_open(a, path, error) != 0 || parts_open(a, error) != 0 ||
	    file_create(a, error) != 0 || file_write(a, delivery, error) != 0) {
		maildir_append_end(&a->append);
		return -1;
	}
	quota_locate(a, path);
	if (maildir_quota_check(a->quota, &a->append, &delivery->quota, a->size, error) != 0) {
		maildir_append_end(&a->append);
		return -1;
	}
	a->append.meeting = (uint64_t)a->new_status.st_dev << 48 ^ (uint64_t)a->new_status.st_ino;
	*append = &a->append;
	return 0;
}

static int
maildir_append_sync(struct append *append, struct error *error)
{
	struct maildir_append *a = maildir_append_of(append);

	return append_sync(a->file) == 0 ? 0 : failure(error, "sync", a->name);
}

/* Some file systems of networks know no renaming that leaves another file alone. */
static int
file_link(const struct maildir_append *a, const char *path)
{
	int problem;

	if (linkat(a->maildir, path, a->new, a->name, 0) != 0)
		return -1;
	if (unlinkat(a->maildir, path, 0) == 0)
		return 0;
	problem = errno;
	unlinkat(a->new, a->name, 0);
	errno = problem;
	return -1;
}

static void
file_show(struct maildir_append *a)
{
	char path[NAME_MAX + 8];
	int result;

	tmp_path(a, path);
	result = renameat2(a->maildir, path, a->new, a->name, RENAME_NOREPLACE);
	if (result != 0 && (errno == EINVAL || errno == ENOSYS))
		result = file_link(a, path);
	if (result == 0)
		a->where = IN_NEW;
	else
		a->append.result = failure(&a->append.error, "move into new", a->name);
}

/* Not known to be durable, so it must not stay. */
static void
file_hide(struct maildir_append *a, const struct error *error)
{
	a->append.error = *error;
	a->append.result = -1;
	unlinkat(a->new, a->name, 0);
	a->where = NOWHERE;
}

/* Once for all that were moved into the same directory. */
static void
new_sync(struct maildir_append *first)
{
	struct error error;
	int result = append_sync(first->new);

	if (result != 0)
		failure(&error, "sync", "new");
	for (struct append *at = &first->append; at != NULL; at = at->next) {
		struct maildir_append *a = maildir_append_of(at);

		if (a->where != IN_NEW || a->new_status.st_ino != first->new_status.st_ino ||
		    a->new_status.st_dev != first->new_status.st_dev)
			continue;
		a->new_synced = true;
		if (result != 0)
			file_hide(a, &error);
	}
}

static void
quota_record(const struct maildir_append *a)
{
	struct maildir_quota_change change;

	maildir_quota_change_begin(&change, a->quota);
	change.octets = (int64_t)a->size;
	change.messages = 1;
	maildir_quota_change_end(&change);
}

static void
maildir_append_commit(struct append *first)
{
	for (struct append *at = first; at != NULL; at = at->next) {
		at->result = 0;
		file_show(maildir_append_of(at));
	}
	for (struct append *at = first; at != NULL; at = at->next)
		if (at->result == 0 && !maildir_append_of(at)->new_synced)
			new_sync(maildir_append_of(at));
	for (struct append *at = first; at != NULL; at = at->next)
		if (at->result == 0)
			quota_record(maildir_append_of(at));
}

const struct append_ops maildir_append_ops = {
	.begin = maildir_append_begin,
	.sync = maildir_append_sync,
	.commit = maildir_append_commit,
	.end = maildir_append_end,
};
