/* See mbox_text.h. */

#include "store/mbox_text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/mbox_line.h"

#define CHUNK_SIZE 8192
#define NAME_SIZE  32	/* longer than any name that is hidden */

static ssize_t
file_read(int file, uint64_t offset, void *buffer, size_t size, struct error *error)
{
	ssize_t n;

	do
		n = pread(file, buffer, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n : error_errno(error, errno == EIO ? ERROR_PERMANENT : ERROR_TEMPORARY,
	                        "cannot read a message");
}

/* How much of the chunk is one line or the part of it that is there; 0: too little to tell its name. */
static size_t
line_size(const struct mbox_cursor *cursor, const char *chunk, size_t size, bool last)
{
	const char *newline = memchr(chunk, '\n', size);

	if (newline != NULL)
		return (size_t)(newline - chunk) + 1;
	return cursor->begins && size < NAME_SIZE && !last ? 0 : size;
}

/* Goes on by one line, of which what lies behind offset is copied. Returns how much that is. */
static size_t
line_take(struct mbox_cursor *cursor, const char *line, size_t size, uint64_t offset, char *buffer,
    size_t room, size_t *taken)
{
	uint64_t skip;
	size_t copied;

	if (cursor->begins && line[0] != ' ' && line[0] != '\t')
		cursor->hides = mbox_line_is_hidden(line, size);
	*taken = size;
	if (cursor->hides)
		return 0;
	skip = offset > cursor->offset ? offset - cursor->offset : 0;
	if (skip >= size) {
		cursor->offset += size;
		return 0;
	}
	copied = size - (size_t)skip < room ? size - (size_t)skip : room;
	*taken = (size_t)skip + copied;
	cursor->offset += *taken;
	memcpy(buffer, line + skip, copied);
	return copied;
}

/* The part of a header from offset on, at least one octet of it. */
static ssize_t
header_read(int file, const struct mbox_entry *entry, struct mbox_cursor *cursor, uint64_t offset,
    char *buffer, size_t size, struct error *error)
{
	uint64_t head_end = entry->text + entry->head_size;
	char chunk[CHUNK_SIZE];
	size_t done = 0;

	if (cursor->stored == 0 || cursor->offset != offset)
		*cursor = (struct mbox_cursor){ .stored = entry->text, .begins = true };
	while (done < size && cursor->stored < head_end) {
		uint64_t left = head_end - cursor->stored;
		bool last = left <= CHUNK_SIZE;
		ssize_t n = file_read(file, cursor->stored, chunk, last ? (size_t)left : CHUNK_SIZE, error);
		size_t at = 0, length = 0, taken;

		if (n <= 0)
			return n < 0 ? -1 : (ssize_t)done;
		while (at < (size_t)n && done < size &&
		    (length = line_size(cursor, chunk + at, (size_t)n - at, last)) > 0) {
			done += line_take(cursor, chunk + at, length, offset + done, buffer + done,
			    size - done, &taken);
			at += taken;
			cursor->begins = chunk[at - 1] == '\n';
		}
		if (at == 0)
			return error_set(error, ERROR_TEMPORARY, "the mbox was cut while it was read");
		cursor->stored += at;
	}
	return (ssize_t)done;
}

ssize_t
mbox_text_read(int file, const struct mbox_entry *entry, struct mbox_cursor *cursor,
    uint64_t offset, void *buffer, size_t size, struct error *error)
{
	uint64_t head_size = entry->head_size - entry->hidden_size;
	uint64_t stored = offset + entry->hidden_size, total = entry->head_size + entry->body_size;

	if (offset < head_size && entry->hidden_size > 0)
		return header_read(file, entry, cursor, offset, buffer, size, error);
	if (stored >= total)
		return 0;
	if (total - stored < size)
		size = (size_t)(total - stored);
	return file_read(file, entry->text + stored, buffer, size, error);
}
