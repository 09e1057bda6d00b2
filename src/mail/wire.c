/* See wire.h. Goes from line end to line end with memchr(); no octet is looked at alone. */

#include "mail/wire.h"

#include <string.h>

void
wire_begin(struct wire *wire, uint64_t body_lines)
{
	*wire = (struct wire){ .body_lines_left = body_lines, .line_start = true };
}

/* A line has ended; may another follow? RFC 1939, section 7, TOP: header, empty line, n lines. */
static bool
line_ended(struct wire *wire, bool empty)
{
	wire->line_start = true;
	wire->after_cr = false;
	wire->line_octets = 0;
	if (wire->in_body) {
		wire->body_lines_left--;
		return wire->body_lines_left > 0;
	}
	wire->in_body = empty;
	return !empty || wire->body_lines_left > 0;
}

static void
line_continues(struct wire *wire, const char *text, size_t length)
{
	size_t octets = wire->line_octets + length;

	if (length == 0)
		return;
	wire->line_start = false;
	wire->after_cr = text[length - 1] == '\r';
	wire->line_octets = (uint8_t)(octets < 2 ? octets : 2);
}

bool
wire_put(struct wire *wire, struct writer *w, const char *piece, size_t size)
{
	const char *end = piece + size;

	while (piece < end) {
		const char *line_end = memchr(piece, '\n', (size_t)(end - piece));
		size_t length = (size_t)((line_end != NULL ? line_end : end) - piece);
		bool empty;

		if (wire->line_start && *piece == '.')
			writer_put(w, ".", 1);
		writer_put(w, piece, length);
		wire->octets += length;
		line_continues(wire, piece, length);
		if (line_end == NULL)
			return !w->failed;
		empty = wire->line_octets == 0 || (wire->line_octets == 1 && wire->after_cr);
		wire->octets += wire->after_cr ? 1 : 2;
		if (wire->after_cr)
			writer_put(w, "\n", 1);
		else
			writer_put(w, "\r\n", 2);
		piece = line_end + 1;
		if (!line_ended(wire, empty))
			return false;
	}
	return !w->failed;
}

uint64_t
wire_end(struct wire *wire, struct writer *w)
{
	if (!wire->line_start) {
		writer_text(w, wire->after_cr ? "\n" : "\r\n");
		wire->octets += wire->after_cr ? 1 : 2;
	}
	writer_put(w, ".\r\n", 3);
	return wire->octets;
}

void
wire_size_begin(struct wire_size *size)
{
	*size = (struct wire_size){ .line_start = true };
}

void
wire_size_add(struct wire_size *wire, const char *piece, size_t size)
{
	const char *position = piece, *end = piece + size, *line_end;
	uint64_t bare_count = 0;

	if (size == 0)
		return;
	while ((line_end = memchr(position, '\n', (size_t)(end - position))) != NULL) {
		bool after_cr = line_end > piece ? line_end[-1] == '\r' : wire->after_cr;

		bare_count += !after_cr;
		position = line_end + 1;
	}
	wire->octets += size + bare_count;
	wire->line_start = end[-1] == '\n';
	wire->after_cr = end[-1] == '\r';
}

uint64_t
wire_size_end(const struct wire_size *wire)
{
	if (wire->line_start)
		return wire->octets;
	return wire->octets + (wire->after_cr ? 1 : 2);
}
