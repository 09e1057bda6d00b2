/* See append_text.h. */

#include "store/append_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

void
append_lines_begin(struct append_lines *lines)
{
	*lines = (struct append_lines){ .before = '\n' };
}

size_t
append_lines_convert(struct append_lines *lines, const char *from, size_t size, char *output)
{
	const char *end = from + size;
	char *to = output;

	while (from < end) {
		const char *cr;
		size_t plain;

		if (lines->holds_cr) {
			if (*from != '\n' || lines->before == '\r')
				*to++ = '\r';
			lines->before = '\r';
			lines->holds_cr = false;
		}
		cr = memchr(from, '\r', (size_t)(end - from));
		plain = (size_t)((cr != NULL ? cr : end) - from);
		memcpy(to, from, plain);
		to += plain;
		from += plain;
		if (plain > 0)
			lines->before = from[-1];
		if (cr != NULL) {
			lines->holds_cr = true;
			from++;
		}
	}
	return (size_t)(to - output);
}

size_t
append_lines_end(struct append_lines *lines, char *output)
{
	if (!lines->holds_cr)
		return 0;
	lines->holds_cr = false;
	*output = '\r';
	return 1;
}

struct append_text *
append_text_new(const struct delivery *delivery, struct error *error)
{
	struct append_text *text = malloc(sizeof(*text));

	if (text == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
		return NULL;
	}
	text->delivery = delivery;
	append_text_rewind(text);
	return text;
}

void
append_text_rewind(struct append_text *text)
{
	text->offset = 0;
	text->head_done = text->ended = false;
	append_lines_begin(&text->lines);
}

/* What is in memory is all there, and does not change. */
static ssize_t
memory_read(struct append_text *text)
{
	uint64_t left = text->delivery->message_size - text->offset;
	size_t n = left < sizeof(text->input) ? (size_t)left : sizeof(text->input);

	memcpy(text->input, text->delivery->text + text->offset, n);
	text->offset += n;
	return (ssize_t)n;
}

static ssize_t
message_read(struct append_text *text, struct error *error)
{
	ssize_t n;

	if (text->delivery->text != NULL)
		return memory_read(text);
	do
		n = pread(text->delivery->message, text->input, sizeof(text->input), (off_t)text->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot read the message that is delivered");
	text->offset += (uint64_t)n;
	if (text->delivery->message_size_known &&
	    (n == 0 ? text->offset != text->delivery->message_size
	            : text->offset > text->delivery->message_size))
		return error_set(error, ERROR_TEMPORARY, "the message that is delivered changes its size");
	return n;
}

/* The head, if that is all: true. A short one is put before what comes next. */
static bool
head_next(struct append_text *text, const char **piece, size_t *used)
{
	const struct delivery *delivery = text->delivery;

	text->head_done = true;
	if (delivery->head_size > APPEND_HEAD_SIZE) {
		*piece = delivery->head;
		return true;
	}
	if (delivery->head_size > 0)
		memcpy(text->output, delivery->head, delivery->head_size);
	*used = delivery->head_size;
	return false;
}

/* Goes on until something comes of it: a CR alone is held back. */
ssize_t
append_text_next(struct append_text *text, const char **piece, struct error *error)
{
	size_t used = 0, size = 0;

	if (!text->head_done && head_next(text, piece, &used))
		return (ssize_t)text->delivery->head_size;
	*piece = text->output;
	while (size == 0 && !text->ended) {
		ssize_t n = message_read(text, error);

		if (n < 0)
			return -1;
		size = append_lines_convert(&text->lines, text->input, (size_t)n, text->output + used);
		text->ended = n == 0;
		if (text->ended)
			size += append_lines_end(&text->lines, text->output + used + size);
	}
	return (ssize_t)(used + size);
}

int
append_write(int file, const char *data, size_t size, uint64_t offset, const char *what,
    struct error *error)
{
	while (size > 0) {
		ssize_t n = pwrite(file, data, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(error, append_errno_kind(), "cannot write %.150s", what);
		data += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* Where the file system cannot do without a name, the name goes at once. */
int
append_spool_open(struct error *error)
{
	const char *directory = getenv("TMPDIR");
	char name[PATH_SIZE];
	int file;

	if (directory == NULL || *directory != '/')
		directory = "/tmp";
	file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file >= 0)
		return file;
	if (snprintf(name, sizeof(name), "%s/restante-XXXXXX", directory) < (int)sizeof(name) &&
	    (file = mkostemp(name, O_CLOEXEC)) >= 0 && unlink(name) == 0)
		return file;
	error_errno(error, ERROR_TEMPORARY, "cannot make a file in %.100s", directory);
	if (file >= 0)
		close(file);
	return -1;
}
