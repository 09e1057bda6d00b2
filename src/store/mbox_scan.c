/* See mbox_scan.h. */

#include "store/mbox_scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>
#include <xxhash.h>

#include "store/mbox_line.h"

#define BUFFER_SIZE (64 * 1024)
#define STAGE_SIZE  (16 * 1024)
#define FROM_SIZE_MAX 1024
#define TAIL_SIZE   4096

/* A line with its end, or a part of one that is longer than the buffer. */
struct piece {
	const char *text;
	size_t size, end_size;		/* end_size: LF or a final CR 1, CRLF 2, none 0 */
	uint64_t offset;
	bool begins;
};

struct scan {
	int file;
	uint64_t end;
	uint64_t offset;		/* of the buffer's first octet */
	size_t used, at;
	bool begins;			/* the next piece begins a line */
	struct mbox_list *list;
	bool text_before;		/* something stands before the first "From " line */
	/* the message */
	bool in_message, in_body, hides, internal, line_open;
	uint64_t content_end;
	bool blank;			/* an empty line of the body: perhaps the one that ends the message */
	uint64_t blank_end;
	struct mbox_entry entry;
	struct sha256_ctx digest;
	size_t staged;
	uint8_t stage[STAGE_SIZE];
	char buffer[BUFFER_SIZE];
};

int
mbox_read_all(int file, uint64_t offset, void *buffer, size_t size, struct error *error)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(file, (char *)buffer + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(error, errno == EIO ? ERROR_PERMANENT : ERROR_TEMPORARY,
			    "cannot read the mbox");
		if (n == 0)
			return error_set(error, ERROR_TEMPORARY, "the mbox was cut while it was read");
		done += (size_t)n;
	}
	return 0;
}

int
mbox_tail_digest(int file, uint64_t end, uint64_t *digest, struct error *error)
{
	size_t size = end < TAIL_SIZE ? (size_t)end : TAIL_SIZE;
	char tail[TAIL_SIZE];

	if (mbox_read_all(file, end - size, tail, size, error) != 0)
		return -1;
	*digest = XXH3_64bits(tail, size);
	return 0;
}

static void
scan_seek(struct scan *s, uint64_t offset)
{
	s->offset = offset;
	s->used = s->at = 0;
	s->begins = true;
}

/* Moves what is left to the front and fills the rest. */
static int
buffer_fill(struct scan *s, struct error *error)
{
	size_t left = s->used - s->at, room = BUFFER_SIZE - left;
	uint64_t next = s->offset + s->used;

	memmove(s->buffer, s->buffer + s->at, left);
	s->offset += s->at;
	s->at = 0;
	s->used = left;
	if (s->end - next < room)
		room = (size_t)(s->end - next);
	if (mbox_read_all(s->file, next, s->buffer + left, room, error) != 0)
		return -1;
	s->used += room;
	return 0;
}

/* 1: a piece. 0: the end. */
static int
piece_next(struct scan *s, struct piece *piece, struct error *error)
{
	const char *newline;
	bool last;

	while ((newline = memchr(s->buffer + s->at, '\n', s->used - s->at)) == NULL &&
	    s->offset + s->used < s->end && (s->at > 0 || s->used < BUFFER_SIZE))
		if (buffer_fill(s, error) != 0)
			return -1;
	last = s->offset + s->used == s->end;
	*piece = (struct piece){ .text = s->buffer + s->at, .offset = s->offset + s->at,
		.size = s->used - s->at, .begins = s->begins };
	if (newline != NULL) {
		piece->size = (size_t)(newline - piece->text) + 1;
		piece->end_size = piece->size > 1 && newline[-1] == '\r' ? 2 : 1;
	} else if (piece->size > 0 && piece->text[piece->size - 1] == '\r') {
		/* Half of a line end: the rest is still to come, or will be added on the wire. */
		piece->end_size = last;
		piece->size -= !last;
	}
	s->at += piece->size;
	s->begins = newline != NULL;
	return piece->size > 0;
}

static void
stage_flush(struct scan *s)
{
	sha256_update(&s->digest, s->staged, s->stage);
	s->staged = 0;
}

static void
digest_put(struct scan *s, const char *text, size_t size)
{
	while (size > 0) {
		size_t n = size < STAGE_SIZE - s->staged ? size : STAGE_SIZE - s->staged;

		memcpy(s->stage + s->staged, text, n);
		s->staged += n;
		text += n;
		size -= n;
		if (s->staged == STAGE_SIZE)
			stage_flush(s);
	}
}

static void
line_end_put(struct scan *s)
{
	digest_put(s, "\n", 1);
	s->entry.wire_size += 2;
	s->line_open = false;
}

static void
piece_put(struct scan *s, const struct piece *piece)
{
	size_t size = piece->size - piece->end_size;

	if (s->blank) {
		s->blank = false;
		line_end_put(s);
	}
	digest_put(s, piece->text, size);
	s->entry.wire_size += size;
	s->line_open = true;
	if (piece->end_size > 0)
		line_end_put(s);
	s->content_end = piece->offset + piece->size;
}

static bool
is_empty_line(const struct piece *piece)
{
	return piece->begins && piece->end_size > 0 && piece->size == piece->end_size;
}

static void
header_piece(struct scan *s, const struct piece *piece)
{
	if (is_empty_line(piece)) {
		s->in_body = true;
		s->hides = false;
	} else if (piece->begins && piece->text[0] != ' ' && piece->text[0] != '\t') {
		s->hides = mbox_line_is_hidden(piece->text, piece->size);
		s->internal = s->internal || mbox_line_is_internal(piece->text, piece->size);
	}
	if (s->hides) {
		s->entry.hidden_size += piece->size;
		s->content_end = piece->offset + piece->size;
	} else {
		piece_put(s, piece);
	}
	s->entry.head_size += piece->size;
}

static void
body_piece(struct scan *s, const struct piece *piece)
{
	if (!is_empty_line(piece)) {
		piece_put(s, piece);
		return;
	}
	/* Held back: only the next line tells whether it belongs to the text. */
	if (s->blank) {
		line_end_put(s);
		s->content_end = s->blank_end;
	}
	s->blank = true;
	s->blank_end = piece->offset + piece->size;
}

static void
message_begin(struct scan *s, uint64_t from, uint64_t text)
{
	s->in_message = true;
	s->in_body = s->hides = s->internal = s->line_open = s->blank = false;
	memset(&s->entry, 0, sizeof(s->entry));
	s->entry.from = from;
	s->entry.text = s->content_end = text;
	s->staged = 0;
	sha256_init(&s->digest);
}

static int
message_end(struct scan *s, uint64_t end, struct error *error)
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	if (!s->in_message)
		return 0;
	s->in_message = false;
	if (s->line_open)
		line_end_put(s);
	stage_flush(s);
	sha256_digest(&s->digest, sizeof(digest), digest);
	for (size_t i = 0; i < MBOX_DIGEST_SIZE / 2; i++)
		snprintf(s->entry.uidl + 2 * i, 3, "%02x", digest[i]);
	s->entry.uidl_size = MBOX_DIGEST_SIZE;
	s->entry.body_size = s->content_end - s->entry.text - s->entry.head_size;
	s->entry.end = end;
	/* c-client's notes are never handed out and never removed. */
	if (s->internal && s->list->count == 0 && s->entry.from == 0)
		return 0;
	if (mbox_list_append(s->list, &s->entry) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for a list of messages");
	return 0;
}

/* Is there a "From " line, or the end, at offset? */
static bool
ends_at(const struct scan *s, uint64_t offset)
{
	size_t size = s->end - offset < FROM_SIZE_MAX ? (size_t)(s->end - offset) : FROM_SIZE_MAX;
	char line[FROM_SIZE_MAX + 1];
	struct error error;

	if (size == 0)
		return true;
	if (mbox_read_all(s->file, offset, line, size, &error) != 0)
		return false;
	line[size] = '\0';
	return mbox_line_is_from(line, strcspn(line, "\r\n"));
}

/* Where the NULs that begin at offset end. */
static int
nuls_end(const struct scan *s, uint64_t offset, uint64_t *end, struct error *error)
{
	char chunk[4096];

	for (*end = offset; *end < s->end;) {
		size_t size = s->end - *end < sizeof(chunk) ? (size_t)(s->end - *end) : sizeof(chunk);
		size_t i = 0;

		if (mbox_read_all(s->file, *end, chunk, size, error) != 0)
			return -1;
		while (i < size && chunk[i] == '\0')
			i++;
		*end += i;
		if (i < size)
			break;
	}
	return 0;
}

/* 1: the piece begins what an interrupted removal left, and the scan goes on behind it. */
static int
rest_skip(struct scan *s, const struct piece *piece, struct error *error)
{
	struct mbox_journal journal = { 0 };

	if (piece->text[0] == '\0') {
		if (nuls_end(s, piece->offset, &journal.end, error) != 0)
			return -1;
		/* Who delivers ends the last line: these NULs are no mail. */
		if (!ends_at(s, journal.end))
			return 0;
		journal.size = piece->offset;
	} else if (!mbox_journal_find(s->file, piece->offset, s->end, &journal)) {
		return 0;
	}
	/* The last one counts: whatever came before it lay still when it was written. */
	s->list->journal = journal;
	scan_seek(s, journal.end);
	return 1;
}

/* 1: the piece was a line between messages. */
static int
boundary(struct scan *s, const struct piece *piece, struct error *error)
{
	if (piece->text[0] != '\0' && !mbox_line_is_from(piece->text, piece->size - piece->end_size))
		return 0;
	switch (rest_skip(s, piece, error)) {
	case -1:
		return -1;
	case 1:
		return message_end(s, piece->offset, error) == 0 ? 1 : -1;
	}
	if (piece->text[0] == '\0')
		return 0;
	if (message_end(s, piece->offset, error) != 0)
		return -1;
	message_begin(s, piece->offset, piece->offset + piece->size);
	return 1;
}

static bool
is_blank(const struct piece *piece)
{
	for (size_t i = 0; i < piece->size; i++)
		if (strchr(" \t\r\n", piece->text[i]) == NULL || piece->text[i] == '\0')
			return false;
	return true;
}

/* Up to the end, or until the list has count_max messages. */
static int
scan_run(struct scan *s, size_t count_max, struct error *error)
{
	struct piece piece;
	int result = 0;

	while (s->list->count < count_max && (result = piece_next(s, &piece, error)) > 0) {
		if (piece.begins && (piece.text[0] == 'F' || piece.text[0] == '\0')) {
			result = boundary(s, &piece, error);
			if (result < 0)
				return -1;
			if (result > 0)
				continue;
		}
		if (!s->in_message)
			s->text_before = s->text_before || !is_blank(&piece);
		else if (s->in_body)
			body_piece(s, &piece);
		else
			header_piece(s, &piece);
	}
	if (result < 0)
		return -1;
	return s->list->count < count_max ? message_end(s, s->end, error) : 0;
}

static struct scan *
scan_new(int file, uint64_t from, uint64_t end, struct mbox_list *list, struct error *error)
{
	struct scan *s = malloc(sizeof(*s));

	if (s == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory to read the mbox");
		return NULL;
	}
	s->file = file;
	s->end = end;
	s->list = list;
	s->text_before = s->in_message = false;
	scan_seek(s, from);
	return s;
}

int
mbox_scan(int file, uint64_t from, uint64_t end, struct mbox_list *list, struct error *error)
{
	struct scan *s = scan_new(file, from, end, list, error);
	int result;

	if (s == NULL)
		return -1;
	result = scan_run(s, SIZE_MAX, error);
	if (result == 0 && s->text_before && list->count == 0 && list->journal.end == 0)
		result = error_set(error, ERROR_PERMANENT, "there is no \"From \" line: not an mbox");
	free(s);
	list->end = end;
	return result == 0 ? mbox_tail_digest(file, end, &list->tail, error) : -1;
}

int
mbox_scan_one(int file, uint64_t from, uint64_t end, struct mbox_entry *entry, struct error *error)
{
	struct mbox_list list = { 0 };
	struct scan *s = from < end ? scan_new(file, from, end, &list, error) : NULL;
	int result = 0;

	if (from >= end)
		return 0;
	if (s == NULL)
		return -1;
	if (ends_at(s, from))
		result = scan_run(s, 1, error);
	if (result == 0 && list.count == 1) {
		*entry = list.entries[0];
		result = 1;
	}
	mbox_list_free(&list);
	free(s);
	return result;
}
