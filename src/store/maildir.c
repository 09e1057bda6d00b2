/* A Maildir as a store: see maildir.h for what is promised, maildir_scan.h for the listing. */

#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/wire.h"
#include "store/maildir_name.h"
#include "store/maildir_scan.h"

#define READ_SIZE (64 * 1024)

struct maildir {
	struct store store;	/* first: the two share their address */
	int directory;		/* the Maildir itself; holds the lock. -1: it does not exist */
	int open_file;		/* the message that was read last, or -1 */
	size_t open_index;
	struct maildir_list list;
	struct message *messages;
	char *uidls;		/* those that are not simply the name */
};

static const char *const directory_names[] = { [MAILDIR_NEW] = "new", [MAILDIR_CUR] = "cur" };

static struct maildir *
maildir_of(struct store *store)
{
	return (struct maildir *)store;
}

static void
maildir_close(struct store *store)
{
	struct maildir *m = maildir_of(store);

	if (m->open_file >= 0)
		close(m->open_file);
	if (m->directory >= 0)
		close(m->directory);
	maildir_list_free(&m->list);
	free(m->messages);
	free(m->uidls);
	free(m);
}

/* "new/NAME" or "cur/NAME:2,S" as it was last seen. */
static void
file_path(const struct maildir *m, const struct maildir_file *file, char path[NAME_MAX + 8])
{
	const char *base = m->list.names + file->name;

	snprintf(path, NAME_MAX + 8, "%s/%s%s", directory_names[file->directory], base,
	    base + file->base_size + 1);
}

/* The same for a file that other programs have renamed. ERROR_GONE: it is nowhere. */
static int
file_path_anew(const struct maildir *m, const struct maildir_file *file, char path[NAME_MAX + 8],
    struct error *error)
{
	enum maildir_directory which;
	char name[256];
	int found = maildir_find(m->directory, m->list.names + file->name, file->base_size, &which,
	    name, error);

	if (found == 0)
		return error_set(error, ERROR_GONE, "the message was removed by another program");
	if (found < 0)
		return -1;
	snprintf(path, NAME_MAX + 8, "%s/%s", directory_names[which], name);
	return 0;
}

static int
file_open(const struct maildir *m, const struct maildir_file *file, struct error *error)
{
	char path[NAME_MAX + 8];
	int descriptor;

	file_path(m, file, path);
	descriptor = openat(m->directory, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (descriptor < 0 && errno == ENOENT) {
		if (file_path_anew(m, file, path, error) != 0)
			return -1;
		descriptor = openat(m->directory, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (descriptor < 0)
		return error_errno(error, errno == ENOENT ? ERROR_GONE : ERROR_TEMPORARY,
		    "cannot open the message %.150s", path);
	return descriptor;
}

static ssize_t
file_read(int descriptor, void *buffer, size_t size, uint64_t offset, struct error *error)
{
	ssize_t n;

	do
		n = pread(descriptor, buffer, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n : error_errno(error, ERROR_TEMPORARY, "cannot read a message");
}

/* Reads the whole file once to learn its size on the wire. */
static int
file_measure(const struct maildir *m, const struct maildir_file *file, uint64_t *octets,
    struct error *error)
{
	char chunk[READ_SIZE];
	struct wire_size size;
	uint64_t offset = 0;
	ssize_t n;
	int descriptor = file_open(m, file, error);

	if (descriptor < 0)
		return -1;
	wire_size_begin(&size);
	while ((n = file_read(descriptor, chunk, sizeof(chunk), offset, error)) > 0) {
		wire_size_add(&size, chunk, (size_t)n);
		offset += (uint64_t)n;
	}
	close(descriptor);
	if (n == 0)
		*octets = wire_size_end(&size);
	return (int)n;
}

/*
 * Fills in the sizes that the names do not tell. A message that vanished since the listing is
 * dropped: it has no number yet.
 */
static int
sizes_complete(struct maildir *m, struct error *error)
{
	struct maildir_list *list = &m->list;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct maildir_file *file = &list->files[i];

		if (!file->has_wire_size &&
		    file_measure(m, file, &file->wire_size, error) != 0) {
			if (error->kind != ERROR_GONE)
				return -1;
			continue;
		}
		list->files[kept++] = *file;
	}
	list->count = kept;
	return 0;
}

/* How many files before this one have the same name without sizes; they stand together. */
static unsigned
copies_before(const struct maildir *m, size_t index)
{
	const struct maildir_file *files = m->list.files;
	const char *names = m->list.names;
	unsigned copies = 0;

	while (index > copies && files[index - copies - 1].unique_size == files[index].unique_size &&
	    memcmp(names + files[index - copies - 1].name, names + files[index].name,
	        files[index].unique_size) == 0)
		copies++;
	return copies;
}

static bool
needs_digest(const struct maildir *m, size_t index)
{
	const struct maildir_file *file = &m->list.files[index];

	return !maildir_name_is_uidl(m->list.names + file->name, file->unique_size) ||
	    copies_before(m, index) > 0;
}

/*
 * Names that end at their unique part are lent as UIDLs; of the others the unique part is copied
 * into one block, m->uidls.
 */
static int
messages_make(struct maildir *m, struct error *error)
{
	struct maildir_list *list = &m->list;
	size_t uidls_size = 1, used = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct maildir_file *file = &list->files[i];

		if (needs_digest(m, i))
			uidls_size += UIDL_SIZE;
		else if (file->unique_size < file->base_size)
			uidls_size += file->unique_size + 1u;
	}
	m->uidls = malloc(uidls_size);
	m->messages = calloc(list->count + 1, sizeof(*m->messages));
	if (m->uidls == NULL || m->messages == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for %zu messages", list->count);
	for (size_t i = 0; i < list->count; i++) {
		const struct maildir_file *file = &list->files[i];
		const char *name = list->names + file->name;

		m->messages[i].size = file->wire_size;
		if (needs_digest(m, i)) {
			maildir_name_digest(name, file->unique_size, copies_before(m, i),
			    m->uidls + used);
			m->messages[i].uidl = m->uidls + used;
			used += UIDL_SIZE;
		} else if (file->unique_size < file->base_size) {
			memcpy(m->uidls + used, name, file->unique_size);
			m->uidls[used + file->unique_size] = '\0';
			m->messages[i].uidl = m->uidls + used;
			used += file->unique_size + 1u;
		} else {
			m->messages[i].uidl = name;
		}
	}
	return 0;
}

/* A Maildir that is missing while its parent is there belongs to a user who never had mail. */
static int
directory_missing(const char *path, struct error *error)
{
	size_t size = strnlen(path, PLACE_SIZE - 1);
	char parent[PLACE_SIZE];
	struct stat status;

	while (size > 1 && path[size - 1] == '/')
		size--;
	while (size > 1 && path[size - 1] != '/')
		size--;
	snprintf(parent, sizeof(parent), "%.*s", (int)size, path[size - 1] == '/' ? path : ".");
	if (stat(parent, &status) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot open %.120s", parent);
	return 0;
}

static int
directory_open(struct maildir *m, const char *path, struct error *error)
{
	if (path[0] == '\0')
		return error_set(error, ERROR_PERMANENT, "the place names no directory");
	m->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->directory < 0 && errno == ENOENT)
		return directory_missing(path, error);
	if (m->directory < 0)
		return error_errno(error, errno == EACCES || errno == ENOTDIR ? ERROR_PERMANENT
		                                                              : ERROR_TEMPORARY,
		    "cannot open the Maildir %.120s", path);
	if (flock(m->directory, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(error, ERROR_BUSY, "another session has the maildrop open");
	return error_errno(error, ERROR_TEMPORARY, "cannot lock the Maildir %.120s", path);
}

static int
maildir_open(struct store **store, const char *path, struct error *error)
{
	struct maildir *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a maildrop");
	m->store.ops = &maildir_ops;
	m->directory = m->open_file = -1;
	if (directory_open(m, path, error) != 0 ||
	    (m->directory >= 0 && maildir_scan(m->directory, &m->list, error) != 0) ||
	    sizes_complete(m, error) != 0 || messages_make(m, error) != 0) {
		maildir_close(&m->store);
		return -1;
	}
	*store = &m->store;
	return 0;
}

static const struct message *
maildir_messages(const struct store *store, size_t *count)
{
	const struct maildir *m = (const struct maildir *)store;

	*count = m->list.count;
	return m->messages;
}

static ssize_t
maildir_read(struct store *store, size_t index, uint64_t offset, void *buffer, size_t size,
    struct error *error)
{
	struct maildir *m = maildir_of(store);
	ssize_t n;

	if (m->open_file < 0 || m->open_index != index) {
		int descriptor = file_open(m, &m->list.files[index], error);

		if (descriptor < 0)
			return -1;
		if (m->open_file >= 0)
			close(m->open_file);
		m->open_file = descriptor;
		m->open_index = index;
	}
	n = file_read(m->open_file, buffer, size, offset, error);
	/* A session that waits for its next command should not keep a file open. */
	if (n <= 0) {
		close(m->open_file);
		m->open_file = -1;
	}
	return n;
}

static int
file_remove(const struct maildir *m, const struct maildir_file *file, struct error *error)
{
	char path[NAME_MAX + 8];

	file_path(m, file, path);
	for (int tries = 0; tries < 3; tries++) {
		if (unlinkat(m->directory, path, 0) == 0)
			return 0;
		if (errno != ENOENT)
			return error_errno(error, ERROR_TEMPORARY, "cannot remove %.150s", path);
		if (file_path_anew(m, file, path, error) != 0)
			return error->kind == ERROR_GONE ? 0 : -1;
	}
	return error_set(error, ERROR_TEMPORARY, "cannot remove %.150s: it moves", path);
}

static int
directory_sync(const struct maildir *m, enum maildir_directory which, struct error *error)
{
	int directory = openat(m->directory, directory_names[which], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (directory < 0)
		return errno == ENOENT ? 0
		                       : error_errno(error, ERROR_TEMPORARY, "cannot open %s",
		                             directory_names[which]);
	result = fsync(directory);
	if (result != 0)
		error_errno(error, ERROR_TEMPORARY, "cannot sync the directory %s",
		    directory_names[which]);
	close(directory);
	return result;
}

static int
maildir_remove(struct store *store, const bool marked[], struct error *error)
{
	struct maildir *m = maildir_of(store);
	struct error problem;
	bool touched = false;
	int result = 0;

	for (size_t i = 0; i < m->list.count; i++) {
		if (!marked[i])
			continue;
		touched = true;
		if (file_remove(m, &m->list.files[i], &problem) != 0) {
			*error = problem;
			result = -1;
		}
	}
	/* A file may have moved from new/ to cur/ before it was removed: both hold the news. */
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR && touched; which++)
		if (directory_sync(m, (enum maildir_directory)which, error) != 0)
			result = -1;
	return result;
}

const struct store_ops maildir_ops = {
	.scheme = "maildir",
	.open = maildir_open,
	.messages = maildir_messages,
	.read = maildir_read,
	.remove = maildir_remove,
	.close = maildir_close,
};
