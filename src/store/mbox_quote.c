/* See mbox_quote.h. */

#include "store/mbox_quote.h"

#include <string.h>

#include "store/append_text.h"

static const char from[] = "From ";

#define FROM_SIZE (sizeof(from) - 1)

int
mbox_quote_flush(struct mbox_quote *q, struct error *error)
{
	if (q->used > q->limit - q->offset)
		return error_set(error, ERROR_TEMPORARY, "the message grows while it is delivered");
	if (q->file >= 0 && append_write(q->file, q->buffer, q->used, q->offset, "the mbox", error) != 0)
		return -1;
	q->offset += q->used;
	q->used = 0;
	return 0;
}

static int
put(struct mbox_quote *q, const char *text, size_t size, struct error *error)
{
	while (size > 0) {
		size_t room = sizeof(q->buffer) - q->used, part = size < room ? size : room;

		memcpy(q->buffer + q->used, text, part);
		q->used += part;
		text += part;
		size -= part;
		if (q->used == sizeof(q->buffer) && mbox_quote_flush(q, error) != 0)
			return -1;
	}
	return 0;
}

void
mbox_quote_begin(struct mbox_quote *q, int file, uint64_t offset)
{
	q->file = file;
	q->offset = offset;
	q->limit = UINT64_MAX;
	q->used = 0;
	q->begins = true;
	q->marks = 0;
	q->matched = 0;
	q->last = '\n';
}

int
mbox_quote_line(struct mbox_quote *q, const char *text, size_t size, struct error *error)
{
	return put(q, text, size, error);
}

/* It is known now what the line begins with. */
static int
beginning_put(struct mbox_quote *q, struct error *error)
{
	q->begins = false;
	if (q->matched == FROM_SIZE)
		q->marks++;
	for (; q->marks > 0; q->marks--)
		if (put(q, ">", 1, error) != 0)
			return -1;
	return put(q, from, q->matched, error);
}

/* Takes an octet that leaves it open what the line begins with; false: it does not. */
static bool
beginning_take(struct mbox_quote *q, char c)
{
	if (q->matched == 0 && c == '>') {
		q->marks++;
		return true;
	}
	if (q->matched == FROM_SIZE || c != from[q->matched])
		return false;
	q->matched++;
	return true;
}

int
mbox_quote_put(struct mbox_quote *q, const char *text, size_t size, struct error *error)
{
	const char *end = text + size;

	if (size > 0)
		q->last = end[-1];
	while (text < end) {
		const char *newline;
		size_t length;

		if (q->begins && beginning_take(q, *text)) {
			text++;
			continue;
		}
		if (q->begins && beginning_put(q, error) != 0)
			return -1;
		newline = memchr(text, '\n', (size_t)(end - text));
		length = (size_t)((newline != NULL ? newline + 1 : end) - text);
		if (put(q, text, length, error) != 0)
			return -1;
		text += length;
		if (newline != NULL) {
			q->begins = true;
			q->matched = 0;
		}
	}
	return 0;
}

int
mbox_quote_end(struct mbox_quote *q, struct error *error)
{
	if ((q->begins && beginning_put(q, error) != 0) ||
	    (q->last != '\n' && put(q, "\n", 1, error) != 0) || put(q, "\n", 1, error) != 0)
		return -1;
	return mbox_quote_flush(q, error);
}
