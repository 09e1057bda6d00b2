/* See mbox_append.h. */

#include "store/mbox_append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/limits.h"
#include "store/append_text.h"
#include "store/mbox_file.h"
#include "store/mbox_index.h"
#include "store/mbox_quote.h"
#include "store/mbox_scan.h"

#define OPEN_TRIES      8
#define FROM_SENDER_MAX 256

struct mbox_append {
	struct append append;	/* first: the two share their address */
	const struct delivery *delivery;
	const char *path;
	bool tried;		/* with others of the same mbox */
};

/* The mbox while it is appended to. */
struct target {
	struct mbox mbox;	/* path and file alone */
	struct mbox_lock lock;
	bool locked;
	bool was_empty;		/* and perhaps made a moment ago */
	uint64_t size;
	uint64_t limit;		/* where the guard stands behind which nothing may be written */
	struct append_text *text;
	struct mbox_quote *quote;
};

static struct mbox_append *
mbox_append_of(struct append *append)
{
	return (struct mbox_append *)append;
}

static int
failure(struct error *error, const char *what, const char *path)
{
	return error_errno(error, append_errno_kind(), "cannot %s the mbox %.150s", what, path);
}

/* The last part must not be a symbolic link: the locks of others would be elsewhere. */
static int
file_open(const char *path)
{
	static const int how = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int file = -1;

	for (int tries = 0; file < 0 && tries < OPEN_TRIES; tries++) {
		file = open(path, how);
		if (file < 0 && errno == ENOENT)
			file = open(path, how | O_CREAT | O_EXCL, 0600);
		if (file < 0 && errno != EEXIST && errno != EINTR)
			break;
	}
	return file;
}

static void
target_unlock(struct target *t)
{
	if (t->locked)
		mbox_lock_drop(&t->lock);
	t->locked = false;
	if (t->mbox.file >= 0)
		close(t->mbox.file);
	t->mbox.file = -1;
}

/* 1: open, and locked. 0: it was replaced meanwhile. */
static int
target_try(struct target *t, struct error *error)
{
	struct stat status;

	t->mbox.file = file_open(t->mbox.path);
	if (t->mbox.file < 0)
		return failure(error, "open", t->mbox.path);
	if (fstat(t->mbox.file, &status) != 0)
		return failure(error, "look at", t->mbox.path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_PERMANENT, "%.150s is not a file", t->mbox.path);
	if (mbox_lock_take(&t->lock, t->mbox.file, t->mbox.path, MBOX_LOCK_WRITE, error) != 0)
		return -1;
	t->locked = true;
	if (mbox_file_is_at_path(t->mbox.file, t->mbox.path, &status)) {
		t->size = (uint64_t)status.st_size;
		t->was_empty = t->size == 0;
		return 1;
	}
	target_unlock(t);
	return 0;
}

static int
journal_settle(struct target *t, struct error *error)
{
	struct mbox_list list = { 0 };
	struct stat status;
	int result;

	if (!mbox_journal_ends(t->mbox.file, t->size))
		return 0;
	result = mbox_file_settle(&t->mbox, &list, error);
	mbox_list_free(&list);
	if (result == 0 && fstat(t->mbox.file, &status) != 0)
		result = failure(error, "look at", t->mbox.path);
	if (result == 0)
		t->size = (uint64_t)status.st_size;
	return result;
}

static void
target_end(struct target *t)
{
	target_unlock(t);
	free(t->text);
	free(t->quote);
}

static int
target_begin(struct target *t, const struct mbox_append *a, struct error *error)
{
	*t = (struct target){ .mbox = { .path = (char *)a->path, .file = -1 } };
	t->text = append_text_new(a->delivery, error);
	if (t->text == NULL)
		return -1;
	t->quote = malloc(sizeof(*t->quote));
	if (t->quote == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
	return 0;
}

static int
target_lock(struct target *t, struct error *error)
{
	int result = 0;

	for (int tries = 0; result == 0 && tries < OPEN_TRIES; tries++)
		result = target_try(t, error);
	if (result == 0)
		return error_set(error, ERROR_TEMPORARY, "the mbox %.150s is replaced without pause",
		    t->mbox.path);
	return result < 0 ? -1 : journal_settle(t, error);
}

/* A disk that cannot be read now is no reason to send the mail back. */
static int
octets_read(const struct target *t, uint64_t offset, char *octets, size_t size, struct error *error)
{
	int result = mbox_read_all(t->mbox.file, offset, octets, size, error);

	if (result != 0)
		error->kind = ERROR_TEMPORARY;
	return result;
}

/* What is missing of the empty line between two messages. */
static int
gap_find(const struct target *t, const char **gap, struct error *error)
{
	char last[3] = "";
	size_t size = t->size < sizeof(last) ? (size_t)t->size : sizeof(last);
	const char *end = last + size;

	*gap = "";
	if (size == 0)
		return 0;
	if (octets_read(t, t->size - size, last, size, error) != 0)
		return -1;
	if (end[-1] != '\n')
		*gap = "\n\n";
	else if (size > 1 && end[-2] != '\n' && !(end[-2] == '\r' && (size == 2 || end[-3] == '\n')))
		*gap = "\n";
	return 0;
}

/* No octet of a sender may end a word or the line. */
static size_t
from_line(char line[FROM_SENDER_MAX + 64], const char *sender)
{
	char clean[FROM_SENDER_MAX + 1], date[32];
	time_t now = time(NULL);
	struct tm parts;
	int size;

	snprintf(clean, sizeof(clean), "%s", sender[0] != '\0' ? sender : "MAILER-DAEMON");
	for (char *c = clean; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			*c = '-';
	size = snprintf(line, FROM_SENDER_MAX + 64, "From %s %s", clean, asctime_r(gmtime_r(&now, &parts), date));
	return (size_t)size;
}

/* The text, quoted; offset of the quote is the end then. */
static int
text_quote(struct append_text *text, struct mbox_quote *quote, struct error *error)
{
	const char *piece;
	ssize_t size;

	while ((size = append_text_next(text, &piece, error)) > 0)
		if (mbox_quote_put(quote, piece, (size_t)size, error) != 0)
			return -1;
	return size < 0 ? -1 : mbox_quote_end(quote, error);
}

static int
message_write(struct target *t, const struct delivery *delivery, struct error *error)
{
	char line[FROM_SENDER_MAX + 64];
	size_t size = from_line(line, delivery->sender);
	const char *gap;

	t->text->delivery = delivery;
	append_text_rewind(t->text);
	mbox_quote_begin(t->quote, t->mbox.file, t->size);
	t->quote->limit = t->limit;
	if (gap_find(t, &gap, error) != 0 ||
	    mbox_quote_line(t->quote, gap, strlen(gap), error) != 0 ||
	    mbox_quote_line(t->quote, line, size, error) != 0 ||
	    text_quote(t->text, t->quote, error) != 0)
		return -1;
	t->size = t->quote->offset;
	return 0;
}

/* Cuts off what was written behind t->size. */
static int
target_cut(const struct target *t, struct error *error)
{
	int result;

	do
		result = ftruncate(t->mbox.file, (off_t)t->size);
	while (result != 0 && errno == EINTR);
	return result == 0 ? 0 : failure(error, "cut", t->mbox.path);
}

static int
directory_sync(const char *path, struct error *error)
{
	char directory[PLACE_SIZE];
	const char *slash = strrchr(path, '/');
	int file, result;

	snprintf(directory, sizeof(directory), "%.*s", slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path),
	    slash == NULL ? "." : path);
	file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Who may not read it has made no file in it either. */
	if (file < 0)
		return errno == EACCES ? 0 : failure(error, "open the directory of", path);
	result = append_sync(file);
	if (result != 0)
		failure(error, "sync the directory of", path);
	close(file);
	return result;
}

/* The guard goes when all is on the disk, and nothing is promised before it has gone. */
static int
target_sync(const struct target *t, struct error *error)
{
	if (append_sync(t->mbox.file) != 0)
		return failure(error, "sync", t->mbox.path);
	if (target_cut(t, error) != 0)
		return -1;
	if (append_sync(t->mbox.file) != 0)
		return failure(error, "sync", t->mbox.path);
	return t->was_empty ? directory_sync(t->mbox.path, error) : 0;
}

/* Those for the same mbox, from the first on, that are still to be tried. */
static struct mbox_append *
next_of(struct mbox_append *first, struct append *at)
{
	for (; at != NULL; at = at->next) {
		struct mbox_append *a = mbox_append_of(at);

		if (!a->tried && strcmp(a->path, first->path) == 0)
			return a;
	}
	return NULL;
}

static void
failure_enter(struct mbox_append *a, const struct error *error)
{
	a->append.result = -1;
	a->append.error = *error;
}

/*
 * What all of them come to at most: of six octets that are "From " and a line end quoting makes
 * seven. A message that grows meanwhile finds no room.
 */
static uint64_t
room_for(struct mbox_append *first)
{
	uint64_t room = 0;

	for (struct mbox_append *a = first; a != NULL; a = next_of(first, a->append.next)) {
		struct stat status = { .st_size = 0 };
		uint64_t size;

		if (fstat(a->delivery->message, &status) != 0)
			continue;
		size = a->delivery->head_size + (uint64_t)status.st_size;
		room += size + size / 5 + FROM_SENDER_MAX + 80;
	}
	return room;
}

/* Writes all; each that fails is cut off, so that the next one stands in its place. */
static void
target_fill(struct target *t, struct mbox_append *first)
{
	struct error error;
	bool is_clean = true;

	for (struct mbox_append *a = first; a != NULL; a = next_of(first, a->append.next)) {
		if (!is_clean)
			failure_enter(a, &error);
		else if (message_write(t, a->delivery, &a->append.error) != 0) {
			a->append.result = -1;
			is_clean = target_cut(t, &error) == 0;
		}
	}
}

/* The guard must begin a line, so that of NULs alone it can be told what they are. */
static int
last_line_end(struct target *t, struct error *error)
{
	char last;

	if (t->size == 0)
		return 0;
	if (octets_read(t, t->size - 1, &last, 1, error) != 0)
		return -1;
	if (last == '\n')
		return 0;
	if (append_write(t->mbox.file, "\n", 1, t->size, "the mbox", error) != 0)
		return -1;
	t->size++;
	return append_sync(t->mbox.file) == 0 ? 0 : failure(error, "sync", t->mbox.path);
}

static int
target_guard(struct target *t, struct mbox_append *first, struct error *error)
{
	uint64_t room = room_for(first);

	if (last_line_end(t, error) != 0)
		return -1;
	t->limit = t->size + room;
	return mbox_journal_guard(t->mbox.file, t->size, room, error);
}

static void
mbox_commit(struct mbox_append *first)
{
	struct target target;
	struct error error;
	int result = target_begin(&target, first, &error);

	if (result == 0)
		result = target_lock(&target, &error);
	if (result == 0) {
		uint64_t size = target.size;

		result = target_guard(&target, first, &error);
		if (result == 0) {
			target_fill(&target, first);
			result = target_sync(&target, &error);
		}
		target.size = size;
		if (result != 0 && target_cut(&target, &(struct error){ .kind = ERROR_NONE }) == 0)
			append_sync(target.mbox.file);
	}
	target_end(&target);
	for (struct mbox_append *a = first; a != NULL; a = next_of(first, a->append.next)) {
		a->tried = true;
		if (result != 0)
			failure_enter(a, &error);
	}
}

static void
mbox_append_commit(struct append *first)
{
	for (struct append *at = first; at != NULL; at = at->next)
		at->result = 0;
	for (struct append *at = first; at != NULL; at = at->next)
		if (!mbox_append_of(at)->tried)
			mbox_commit(mbox_append_of(at));
}

/* Of the index, where that is of the file as it is, or by reading the file. */
static int
messages_count(struct target *t, int index_directory, uint64_t *count, struct error *error)
{
	struct mbox_list list = { 0 };
	struct index_place place;
	struct mbox_stamp now;
	struct error problem;

	mbox_file_stamp(&t->mbox, &now);
	mbox_index_locate(&place, t->mbox.path, index_directory);
	if (mbox_index_read(&list, &place, t->mbox.file, &now, &problem) != MBOX_INDEX_WHOLE) {
		mbox_list_free(&list);
		list = (struct mbox_list){ 0 };
		if (mbox_read_anew(&t->mbox, &list, error) != 0)
			return -1;
	}
	*count = list.count;
	mbox_list_free(&list);
	return 0;
}

/* What is there, if there is something. */
static int
usage_find(struct target *t, const struct delivery *delivery, uint64_t *count, struct error *error)
{
	struct stat status;

	*count = 0;
	if (lstat(t->mbox.path, &status) != 0 && errno == ENOENT)
		return 0;
	if (target_lock(t, error) != 0)
		return -1;
	return delivery->quota.messages != 0 ? messages_count(t, delivery->index_directory, count, error) : 0;
}

static int
quota_check(struct mbox_append *a, struct error *error)
{
	const struct delivery *delivery = a->delivery;
	struct target t;
	uint64_t count;
	int result;

	if (delivery->quota.octets == 0 && delivery->quota.messages == 0)
		return 0;
	result = target_begin(&t, a, error);
	if (result == 0) {
		mbox_quote_begin(t.quote, -1, 0);
		result = text_quote(t.text, t.quote, error);
	}
	if (result == 0)
		result = usage_find(&t, delivery, &count, error);
	if (result == 0)
		result = append_quota_check(&a->append, &delivery->quota, t.size, count, t.quote->offset, error);
	target_end(&t);
	return result;
}

static void
mbox_append_end(struct append *append)
{
	free(mbox_append_of(append));
}

static int
mbox_append_begin(struct append **append, const char *path, const struct delivery *delivery,
    struct error *error)
{
	struct mbox_append *a;

	if (path[0] == '\0' || path[strlen(path) - 1] == '/')
		return error_set(error, ERROR_PERMANENT, "the place names no file");
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
	a->append.ops = &mbox_append_ops;
	a->append.meeting = XXH3_64bits(path, strlen(path));
	a->delivery = delivery;
	a->path = path;
	if (quota_check(a, error) != 0) {
		mbox_append_end(&a->append);
		return -1;
	}
	*append = &a->append;
	return 0;
}

const struct append_ops mbox_append_ops = {
	.begin = mbox_append_begin,
	.commit = mbox_append_commit,
	.end = mbox_append_end,
};
