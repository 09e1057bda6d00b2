/* See wire.h. What is changed, and where, is in lines.h. */

#include "mail/wire.h"

#include <string.h>

#include "mail/lines.h"

void
wire_begin(struct wire *wire, uint64_t body_lines)
{
	*wire = (struct wire){ .body_lines_left = body_lines, .last = '\n' };
}

static bool
text_put(struct wire *wire, struct writer *w, const char *text, size_t size)
{
	const struct lines *lines = lines_best();

	while (size > 0) {
		struct line_counts counts = { 0 };
		size_t done = lines->convert(&counts, w->buffer + w->used, w->size - w->used, text,
		    size, wire->last);

		w->used += done + counts.bare_count + counts.dot_count;
		wire->octets += done + counts.bare_count;
		wire->changed = wire->changed || counts.bare_count + counts.dot_count > 0;
		if (done > 0)
			wire->last = text[done - 1];
		text += done;
		size -= done;
		if (size > 0 && !writer_pass(w))
			return false;
	}
	return !w->failed;
}

/* A line has ended; may another follow? RFC 1939, section 7, TOP: header, empty line, n lines. */
static bool
line_ended(struct wire *wire, bool empty)
{
	wire->line_octets = 0;
	if (wire->in_body) {
		wire->body_lines_left--;
		return wire->body_lines_left > 0;
	}
	wire->in_body = empty;
	return !empty || wire->body_lines_left > 0;
}

static void
line_continues(struct wire *wire, size_t length)
{
	size_t octets = wire->line_octets + length;

	wire->line_octets = (uint8_t)(octets < 2 ? octets : 2);
}

/* Line by line, because they are counted. */
static bool
lines_put(struct wire *wire, struct writer *w, const char *piece, size_t size)
{
	const char *end = piece + size;

	while (piece < end) {
		const char *line_end = memchr(piece, '\n', (size_t)(end - piece));
		size_t length = (size_t)((line_end != NULL ? line_end : end) - piece);
		bool empty;

		if (!text_put(wire, w, piece, length))
			return false;
		line_continues(wire, length);
		if (line_end == NULL)
			break;
		empty = wire->line_octets == 0 || (wire->line_octets == 1 && wire->last == '\r');
		if (!text_put(wire, w, line_end, 1) || !line_ended(wire, empty))
			return false;
		piece = line_end + 1;
	}
	return !w->failed;
}

bool
wire_put(struct wire *wire, struct writer *w, const char *piece, size_t size)
{
	if (wire->body_lines_left == UINT64_MAX)
		return text_put(wire, w, piece, size);
	return lines_put(wire, w, piece, size);
}

uint64_t
wire_end(struct wire *wire, struct writer *w)
{
	if (wire->last != '\n') {
		text_put(wire, w, "\n", 1);
		wire->changed = true;
	}
	writer_put(w, ".\r\n", 3);
	return wire->octets;
}

bool
wire_was_stored_so(const struct wire *wire)
{
	return !wire->changed;
}

void
wire_size_begin(struct wire_size *size)
{
	*size = (struct wire_size){ .last = '\n' };
}

void
wire_size_add(struct wire_size *wire, const char *piece, size_t size)
{
	struct line_counts counts = { 0 };

	if (size == 0)
		return;
	lines_best()->count(&counts, piece, size, wire->last);
	wire->octets += size + counts.bare_count;
	wire->changed = wire->changed || counts.bare_count + counts.dot_count > 0;
	wire->last = piece[size - 1];
}

uint64_t
wire_size_end(const struct wire_size *wire)
{
	if (wire->last == '\n')
		return wire->octets;
	return wire->octets + (wire->last == '\r' ? 1 : 2);
}

bool
wire_size_is_stored_so(const struct wire_size *wire)
{
	return wire->last == '\n' && !wire->changed;
}
