/* See mbox_target.h. */

#include "store/mbox_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/mbox_journal.h"
#include "store/mbox_scan.h"

#define OPEN_TRIES 8

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
target_unlock(struct mbox_target *t)
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
target_try(struct mbox_target *t, struct error *error)
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
		t->was_quiet = append_is_quiet(&status);
		return 1;
	}
	target_unlock(t);
	return 0;
}

static int
journal_settle(struct mbox_target *t, struct error *error)
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

void
mbox_target_end(struct mbox_target *t)
{
	target_unlock(t);
	free(t->text);
	free(t->quote);
}

int
mbox_target_begin(struct mbox_target *t, const char *path, const struct delivery *delivery,
    struct error *error)
{
	*t = (struct mbox_target){ .mbox = { .path = (char *)path, .file = -1 } };
	t->text = append_text_new(delivery, error);
	if (t->text == NULL)
		return -1;
	t->quote = malloc(sizeof(*t->quote));
	if (t->quote == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
	return 0;
}

int
mbox_target_lock(struct mbox_target *t, struct error *error)
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
octets_read(const struct mbox_target *t, uint64_t offset, char *octets, size_t size, struct error *error)
{
	int result = mbox_read_all(t->mbox.file, offset, octets, size, error);

	if (result != 0)
		error->kind = ERROR_TEMPORARY;
	return result;
}

/* What is missing of the empty line between two messages. */
static int
gap_find(const struct mbox_target *t, const char **gap, struct error *error)
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
from_line(char line[MBOX_SENDER_MAX + 64], const char *sender)
{
	char clean[MBOX_SENDER_MAX + 1], date[32];
	time_t now = time(NULL);
	struct tm parts;
	int size;

	snprintf(clean, sizeof(clean), "%s", sender[0] != '\0' ? sender : "MAILER-DAEMON");
	for (char *c = clean; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			*c = '-';
	size = snprintf(line, MBOX_SENDER_MAX + 64, "From %s %s", clean, asctime_r(gmtime_r(&now, &parts), date));
	return (size_t)size;
}

int
mbox_target_quote(struct mbox_target *t, struct error *error)
{
	const char *piece;
	ssize_t size;

	while ((size = append_text_next(t->text, &piece, error)) > 0)
		if (mbox_quote_put(t->quote, piece, (size_t)size, error) != 0)
			return -1;
	return size < 0 ? -1 : mbox_quote_end(t->quote, error);
}

/* What separates it from what is there, and its "From " line. */
static int
message_begin(struct mbox_target *t, const char *sender, struct error *error)
{
	char line[MBOX_SENDER_MAX + 64];
	size_t size = from_line(line, sender);
	const char *gap;

	mbox_quote_begin(t->quote, t->mbox.file, t->size);
	t->quote->limit = t->limit;
	if (gap_find(t, &gap, error) != 0 ||
	    mbox_quote_line(t->quote, gap, strlen(gap), error) != 0)
		return -1;
	return mbox_quote_line(t->quote, line, size, error);
}

int
mbox_target_write(struct mbox_target *t, const struct delivery *delivery, struct error *error)
{
	t->text->delivery = delivery;
	append_text_rewind(t->text);
	if (message_begin(t, delivery->sender, error) != 0 || mbox_target_quote(t, error) != 0)
		return -1;
	t->size = t->quote->offset;
	return 0;
}

int
mbox_target_write_spool(struct mbox_target *t, const struct mbox_spool *spool, const char *sender,
    struct error *error)
{
	size_t part;

	if (message_begin(t, sender, error) != 0)
		return -1;
	for (uint64_t at = spool->begin; at < spool->end; at += part) {
		part = spool->end - at < APPEND_TEXT_SIZE ? (size_t)(spool->end - at) : APPEND_TEXT_SIZE;
		if (mbox_read_all(spool->file, at, t->text->input, part, error) != 0 ||
		    mbox_quote_line(t->quote, t->text->input, part, error) != 0)
			return -1;
	}
	if (mbox_quote_flush(t->quote, error) != 0)
		return -1;
	t->size = t->quote->offset;
	return 0;
}

int
mbox_target_cut(const struct mbox_target *t, struct error *error)
{
	int result;

	do
		result = ftruncate(t->mbox.file, (off_t)t->size);
	while (result != 0 && errno == EINTR);
	return result == 0 ? 0 : failure(error, "cut", t->mbox.path);
}

int
mbox_target_sync_directory(const struct mbox_target *t, struct error *error)
{
	char directory[PLACE_SIZE];
	const char *path = t->mbox.path, *slash = strrchr(path, '/');
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

/* The guard goes when all is on the disk; nothing is promised before it has gone. */
int
mbox_target_sync(const struct mbox_target *t, struct error *error)
{
	if (append_sync(t->mbox.file) != 0)
		return failure(error, "sync", t->mbox.path);
	if (mbox_target_cut(t, error) != 0)
		return -1;
	return append_sync(t->mbox.file) == 0 ? 0 : failure(error, "sync", t->mbox.path);
}

/* The guard must begin a line, so that of NULs alone it can be told what they are. */
static int
last_line_end(struct mbox_target *t, struct error *error)
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

int
mbox_target_guard(struct mbox_target *t, uint64_t room, struct error *error)
{
	if (last_line_end(t, error) != 0)
		return -1;
	t->limit = t->size + room;
	return mbox_journal_guard(t->mbox.file, t->size, room, error);
}
