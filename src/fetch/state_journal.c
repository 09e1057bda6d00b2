/*
 * See state_journal.h.
 *
 * Every write is synced before the next begins, so that a crash can tear the last one alone: any part of it
 * may be missing or be zeros. Each line says where its write began; the seal, which is not synced, counts as
 * a part of the write behind it. A line that is damaged, with no line behind it that began later, belongs to
 * the last write: nothing was promised of it, and it is passed over. With such a line behind it, it was on
 * the disk once, and is damaged.
 */

#include "fetch/state_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/append_text.h"

#define BUFFER_SIZE 65536
#define NOWHERE     UINT64_MAX

struct reading {
	struct journal *journal;
	journal_apply *apply;
	void *context;
	uint64_t damaged_at;	/* NOWHERE */
};

static int
failure(const struct journal *journal, const char *what, struct error *error)
{
	return error_errno(error, append_errno_kind(), "cannot %s the state file %.100s", what,
	    journal->names.file);
}

static int
damage(const struct journal *journal, uint64_t at, struct error *error)
{
	return error_set(error, ERROR_PERMANENT, "the state file %.60s is damaged at octet %" PRIu64
	    ": put it back from a backup, or remove it; then what is still on the server is fetched again",
	    journal->names.file, at);
}

/* size: without the LF. */
static int
line_take(struct reading *r, const char *text, size_t size, uint64_t at, struct error *error)
{
	struct state_line line;
	enum state_line_result result = state_line_parse(&line, text, size);

	if (result == STATE_LINE_DAMAGED) {
		if (r->damaged_at == NOWHERE)
			r->damaged_at = at;
		return 0;
	}
	if (r->damaged_at != NOWHERE)
		return line.start > r->damaged_at ? damage(r->journal, r->damaged_at, error) : 0;
	if (result == STATE_LINE_UNKNOWN)
		return error_set(error, ERROR_PERMANENT,
		    "the state file %.100s is of another version of restante (octet %" PRIu64 ")",
		    r->journal->names.file, at);
	if (line.start > at || (at == 0) != (line.verb == STATE_BEGIN))
		return damage(r->journal, at, error);
	r->journal->line_count++;
	r->journal->is_sealed = line.verb == STATE_END;
	r->journal->synced_size = at;
	return r->apply(r->context, &line, error);
}

/* All lines that end in the buffer. Returns what they take, or -1. */
static ssize_t
lines_take(struct reading *r, const char *buffer, size_t size, uint64_t at, struct error *error)
{
	size_t taken = 0;
	const char *end;

	while ((end = memchr(buffer + taken, '\n', size - taken)) != NULL) {
		size_t length = (size_t)(end - buffer) - taken;

		if (line_take(r, buffer + taken, length, at + taken, error) != 0)
			return -1;
		taken += length + 1;
	}
	if (taken == 0 && size == BUFFER_SIZE) {
		/* No line of ours is so long. */
		if (r->damaged_at == NOWHERE)
			r->damaged_at = at;
		taken = size;
	}
	return (ssize_t)taken;
}

static ssize_t
more_read(int file, char *buffer, size_t size, uint64_t at)
{
	ssize_t n;

	do
		n = pread(file, buffer, size, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n;
}

static int
file_read(struct reading *r, struct error *error)
{
	struct journal *journal = r->journal;
	char *buffer = malloc(BUFFER_SIZE);
	uint64_t at = 0;	/* of what the buffer begins with */
	size_t used = 0;
	ssize_t taken = 0, n = -1;

	if (buffer == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the state");
	while (taken >= 0 && (n = more_read(journal->file, buffer + used, BUFFER_SIZE - used, at + used)) > 0) {
		used += (size_t)n;
		taken = lines_take(r, buffer, used, at, error);
		if (taken <= 0)
			continue;
		used -= (size_t)taken;
		memmove(buffer, buffer + taken, used);
		at += (uint64_t)taken;
	}
	free(buffer);
	if (taken < 0)
		return -1;
	if (n < 0)
		return failure(journal, "read", error);
	if (used > 0 && r->damaged_at == NOWHERE)
		r->damaged_at = at;
	journal->size = at + used;
	if (r->damaged_at == 0 || journal->size == 0)
		return damage(journal, 0, error);
	return 0;
}

int
journal_read(struct journal *journal, bool read_only, journal_apply *apply, void *context,
    struct error *error)
{
	struct reading r = { journal, apply, context, NOWHERE };

	journal->file = openat(journal->directory, journal->names.file,
	    (read_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC);
	if (journal->file < 0 && errno == ENOENT)
		return 0;
	if (journal->file < 0)
		return failure(journal, "open", error);
	if (file_read(&r, error) != 0)
		return -1;
	if (r.damaged_at != NOWHERE)
		journal->is_sealed = false;
	return 1;
}

int
journal_name_sync(struct journal *journal, struct error *error)
{
	return append_sync(journal->directory) == 0 ? 0 : failure(journal, "sync the directory of", error);
}

/* All lines as they will be written; NULL: no memory. */
static char *
lines_encode(const struct journal *journal, struct state_line lines[], size_t count, size_t *size)
{
	size_t room = 4 * STATE_LINE_SIZE;
	char *text = malloc(room), *larger;

	*size = 0;
	for (size_t i = 0; text != NULL && i < count; i++) {
		if (room - *size < STATE_LINE_SIZE) {
			room *= 2;
			larger = realloc(text, room);
			if (larger == NULL)
				free(text);
			text = larger;
			if (text == NULL)
				return NULL;
		}
		lines[i].start = journal->synced_size;
		*size += state_line_write(&lines[i], text + *size);
	}
	return text;
}

int
journal_append(struct journal *journal, struct state_line lines[], size_t count, struct error *error)
{
	size_t size;
	char *text;
	int result;

	if (journal->is_broken)
		return error_set(error, ERROR_TEMPORARY, "the state file %.100s could not be written before",
		    journal->names.file);
	text = lines_encode(journal, lines, count, &size);
	if (text == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the state");
	result = append_write(journal->file, text, size, journal->size, "the state file", error);
	if (result == 0 && append_sync(journal->file) != 0)
		result = failure(journal, "sync", error);
	free(text);
	if (result != 0) {
		journal->is_broken = true;
		return -1;
	}
	journal->size += size;
	journal->synced_size = journal->size;
	journal->line_count += count;
	journal->has_written = true;
	return 0;
}

void
journal_seal(struct journal *journal)
{
	struct state_line end = { .verb = STATE_END, .start = journal->size };
	char text[STATE_LINE_SIZE];
	struct error error;

	if (!journal->has_written || journal->is_broken)
		return;
	append_write(journal->file, text, state_line_write(&end, text), journal->size, "the state file", &error);
	journal->has_written = false;
}

void
journal_close(struct journal *journal)
{
	if (journal->file >= 0)
		close(journal->file);
	if (journal->directory >= 0)
		close(journal->directory);
	journal->file = journal->directory = -1;
}

/* Rewriting */

int
journal_rewrite_begin(struct journal_rewriting *r, struct journal *journal, const char *account,
    struct error *error)
{
	struct state_line begin = { .verb = STATE_BEGIN, .text = { account, strlen(account) } };

	if (journal->is_broken)
		return error_set(error, ERROR_TEMPORARY, "the state file %.100s could not be written before",
		    journal->names.file);
	*r = (struct journal_rewriting){ .journal = journal, .buffer = malloc(BUFFER_SIZE) };
	if (r->buffer == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the state");
	r->file = openat(journal->directory, journal->names.next,
	    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->file < 0) {
		free(r->buffer);
		return failure(journal, "make", error);
	}
	return journal_rewrite_put(r, &begin, error) == 0 ? 0 : journal_rewrite_end(r, true, error);
}

static int
rewriting_flush(struct journal_rewriting *r, struct error *error)
{
	if (append_write(r->file, r->buffer, r->used, r->size, "the state file", error) != 0)
		return -1;
	r->size += r->used;
	r->used = 0;
	return 0;
}

int
journal_rewrite_put(struct journal_rewriting *r, struct state_line *line, struct error *error)
{
	if (BUFFER_SIZE - r->used < STATE_LINE_SIZE && rewriting_flush(r, error) != 0)
		return -1;
	line->start = line->verb == STATE_END ? r->size + r->used : 0;
	r->used += state_line_write(line, r->buffer + r->used);
	r->line_count++;
	return 0;
}

/* Behind a rename that is not known to be durable, old and new are the same; but nothing may come after. */
static int
rewriting_show(struct journal_rewriting *r, struct error *error)
{
	struct journal *journal = r->journal;

	if (append_sync(r->file) != 0)
		return failure(journal, "sync", error);
	if (renameat(journal->directory, journal->names.next, journal->directory, journal->names.file) != 0)
		return failure(journal, "rename", error);
	if (journal->file >= 0)
		close(journal->file);
	journal->file = r->file;
	journal->size = journal->synced_size = r->size;
	journal->line_count = r->line_count;
	journal->is_sealed = true;
	journal->has_written = false;
	r->file = -1;
	if (journal_name_sync(journal, error) == 0)
		return 0;
	journal->is_broken = true;
	return -1;
}

int
journal_rewrite_end(struct journal_rewriting *r, bool failed, struct error *error)
{
	struct state_line end = { .verb = STATE_END };
	int result = failed ? -1 : journal_rewrite_put(r, &end, error);

	if (result == 0)
		result = rewriting_flush(r, error);
	if (result == 0)
		result = rewriting_show(r, error);
	if (r->file >= 0) {
		close(r->file);
		unlinkat(r->journal->directory, r->journal->names.next, 0);
	}
	free(r->buffer);
	return result;
}
