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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/maildir_append_inside.h"
#include "store/maildir_name.h"
#include "store/maildir_quota.h"

#define NAME_TRIES 16

static struct maildir_append *
maildir_append_of(struct append *append)
{
	return (struct maildir_append *)append;
}

static int
file_create(struct maildir_append *a, struct error *error)
{
	for (int tries = 0; tries < NAME_TRIES; tries++) {
		maildir_name_make(a->unique);
		a->file = openat(a->at->tmp, a->unique,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (a->file >= 0) {
			a->where = IN_TMP;
			return 0;
		}
		if (errno != EEXIST && errno != EINTR)
			break;
	}
	return maildir_append_failure(error, "create in tmp", a->unique);
}

static int
file_put(struct maildir_append *a, const char *text, size_t size, struct error *error)
{
	if (append_write(a->file, text, size, a->size, "a message into tmp", error) != 0)
		return -1;
	wire_size_add(&a->wire, text, size);
	a->size += size;
	return 0;
}

static int
file_write(struct maildir_append *a, const struct delivery *delivery, struct error *error)
{
	struct append_text *text = append_text_new(delivery, error);
	const char *piece;
	ssize_t size = -1;

	if (text == NULL)
		return -1;
	while ((size = append_text_next(text, &piece, error)) > 0)
		if (file_put(a, piece, (size_t)size, error) != 0) {
			size = -1;
			break;
		}
	free(text);
	return size < 0 ? -1 : 0;
}

static void
maildir_append_end(struct append *append)
{
	struct maildir_append *a = maildir_append_of(append);

	if (a->where == IN_TMP && !append->stays)
		unlinkat(a->at->tmp, a->unique, 0);
	if (a->file >= 0)
		close(a->file);
	if (a->at != NULL)
		directories_end(a->at);
	free(a->pieces);
	free(a);
}

/* What an earlier delivery has open is good as long as files can be made there. */
static int
file_begin_beside(struct maildir_append *a, const struct append *beside, struct error *error)
{
	if (beside == NULL || beside->ops != &maildir_append_ops)
		return -1;
	a->at = ((const struct maildir_append *)beside)->at;
	a->at->users++;
	if (file_create(a, error) == 0)
		return 0;
	directories_end(a->at);
	a->at = NULL;
	return -1;
}

static int
file_begin_anew(struct maildir_append *a, const char *place, struct error *error)
{
	a->at = directories_open(place, error);
	return a->at != NULL ? file_create(a, error) : -1;
}

/* The file in tmp/, empty. NULL: it cannot be made. */
static struct maildir_append *
file_begin(const char *place, const struct delivery *delivery, struct error *error)
{
	struct maildir_append *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
		return NULL;
	}
	a->append.ops = &maildir_append_ops;
	a->file = -1;
	a->quota_wanted = delivery->quota;
	wire_size_begin(&a->wire);
	if (file_begin_beside(a, delivery->beside, error) != 0 && file_begin_anew(a, place, error) != 0) {
		maildir_append_end(&a->append);
		return NULL;
	}
	a->append.is_alone = a->at->is_alone;
	a->append.meeting = (uint64_t)a->at->new_status.st_dev << 48 ^ (uint64_t)a->at->new_status.st_ino;
	return a;
}

/* The message is whole: its name, and may it come? */
static int
file_end(struct maildir_append *a, struct error *error)
{
	snprintf(a->name, sizeof(a->name), "%s,S=%" PRIu64 ",W=%" PRIu64, a->unique, a->size,
	    wire_size_end(&a->wire));
	return maildir_quota_check(a->at->quota, &a->append, &a->quota_wanted, a->size, error);
}

static int
maildir_append_begin(struct append **append, const char *place, const struct delivery *delivery,
    struct error *error)
{
	struct maildir_append *a = file_begin(place, delivery, error);

	if (a == NULL)
		return -1;
	if (file_write(a, delivery, error) != 0 || file_end(a, error) != 0) {
		maildir_append_end(&a->append);
		return -1;
	}
	*append = &a->append;
	return 0;
}

static int
maildir_append_start(struct append **append, const char *place, const struct delivery *delivery,
    struct error *error)
{
	struct maildir_append *a = file_begin(place, delivery, error);

	if (a == NULL)
		return -1;
	a->pieces = malloc(sizeof(*a->pieces));
	if (a->pieces == NULL)
		error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
	if (a->pieces == NULL || file_put(a, delivery->head, delivery->head_size, error) != 0) {
		maildir_append_end(&a->append);
		return -1;
	}
	append_lines_begin(&a->pieces->lines);
	a->pieces->used = 0;
	*append = &a->append;
	return 0;
}

static int
pieces_flush(struct maildir_append *a, struct error *error)
{
	size_t size = a->pieces->used;

	a->pieces->used = 0;
	return file_put(a, a->pieces->text, size, error);
}

static int
maildir_append_put(struct append *append, const char *piece, size_t size, struct error *error)
{
	struct maildir_append *a = maildir_append_of(append);
	struct append_pieces *pieces = a->pieces;

	while (size > 0) {
		size_t part;

		if (pieces->used >= APPEND_TEXT_SIZE && pieces_flush(a, error) != 0)
			return -1;
		part = size < APPEND_TEXT_SIZE - pieces->used ? size : APPEND_TEXT_SIZE - pieces->used;
		pieces->used += append_lines_convert(&pieces->lines, piece, part, pieces->text + pieces->used);
		piece += part;
		size -= part;
	}
	return 0;
}

/* The disk may begin with it while the next message comes. */
static int
maildir_append_finish(struct append *append, struct error *error)
{
	struct maildir_append *a = maildir_append_of(append);

	if (a->pieces->used >= APPEND_TEXT_SIZE && pieces_flush(a, error) != 0)
		return -1;
	a->pieces->used += append_lines_end(&a->pieces->lines, a->pieces->text + a->pieces->used);
	if (pieces_flush(a, error) != 0)
		return -1;
	free(a->pieces);
	a->pieces = NULL;
	(void)sync_file_range(a->file, 0, 0, SYNC_FILE_RANGE_WRITE);
	return file_end(a, error);
}

static const char *
maildir_append_name(const struct append *append)
{
	return ((const struct maildir_append *)append)->unique;
}

static void
maildir_append_waits_in(const struct append *append, dev_t *device, ino_t *inode)
{
	const struct stat *status = &((const struct maildir_append *)append)->at->tmp_status;

	*device = status->st_dev;
	*inode = status->st_ino;
}

static int
maildir_append_sync(struct append *append, struct error *error)
{
	struct maildir_append *a = maildir_append_of(append);

	return append_sync(a->file) == 0 ? 0 : maildir_append_failure(error, "sync", a->name);
}

static bool
is_same_directory(const struct maildir_append *a, const struct maildir_append *b)
{
	return a->at == b->at || (a->at->new_status.st_ino == b->at->new_status.st_ino &&
	    a->at->new_status.st_dev == b->at->new_status.st_dev);
}

static int
tmp_sync(const struct maildir_append *a, struct error *error)
{
	return append_sync(a->at->tmp) == 0 ? 0 : maildir_append_failure(error, "sync", "tmp");
}

/* Once for each Maildir; what has no name after a power failure has been moved. */
static void
maildir_append_settle(struct append *first)
{
	for (struct append *at = first; at != NULL; at = at->next) {
		struct append *before = first;

		while (!is_same_directory(maildir_append_of(before), maildir_append_of(at)))
			before = before->next;
		if (before == at) {
			at->result = tmp_sync(maildir_append_of(at), &at->error);
		} else if (before->result != 0) {
			at->result = before->result;
			at->error = before->error;
		}
		at->settled = at->result == 0;
	}
}

/* Some file systems of networks know no renaming that leaves another file alone. */
static int
file_link(const struct maildir_append *a)
{
	int problem;

	if (linkat(a->at->tmp, a->unique, a->at->new, a->name, 0) != 0)
		return -1;
	if (unlinkat(a->at->tmp, a->unique, 0) == 0)
		return 0;
	problem = errno;
	unlinkat(a->at->new, a->name, 0);
	errno = problem;
	return -1;
}

static void
file_show(struct maildir_append *a)
{
	int result = renameat2(a->at->tmp, a->unique, a->at->new, a->name, RENAME_NOREPLACE);

	if (result != 0 && (errno == EINVAL || errno == ENOSYS))
		result = file_link(a);
	if (result == 0)
		a->where = IN_NEW;
	else
		a->append.result = maildir_append_failure(&a->append.error, "move into new", a->name);
}

/* Not known to be durable, so it must not stay. In tmp/ it tells whoever looks there that it has not arrived. */
static void
file_hide(struct maildir_append *a, const struct error *error)
{
	a->append.error = *error;
	a->append.result = -1;
	if (renameat(a->at->new, a->name, a->at->tmp, a->unique) == 0) {
		a->where = IN_TMP;
		return;
	}
	unlinkat(a->at->new, a->name, 0);
	a->where = NOWHERE;
}

/* Once for all that were moved into the same directory. */
static void
new_sync(struct maildir_append *first)
{
	struct error error;
	int result = append_sync(first->at->new);

	if (result != 0)
		maildir_append_failure(&error, "sync", "new");
	for (struct append *at = &first->append; at != NULL; at = at->next) {
		struct maildir_append *a = maildir_append_of(at);

		if (a->where != IN_NEW || !is_same_directory(a, first))
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

	maildir_quota_change_begin(&change, a->at->quota);
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
	.start = maildir_append_start,
	.put = maildir_append_put,
	.finish = maildir_append_finish,
	.name = maildir_append_name,
	.waits_in = maildir_append_waits_in,
	.sync = maildir_append_sync,
	.settle = maildir_append_settle,
	.commit = maildir_append_commit,
	.end = maildir_append_end,
};
