/* See line.h. */

#include "lmtp/line.h"

#include <string.h>

/* Drops what is left of a line that was reported; true: its end was found. */
static bool
line_skip(struct line_reader *reader, const char *input, size_t size, size_t *consumed)
{
	size_t done = 0;

	while (done < size) {
		const char *end = memchr(input + done, '\n', size - done);
		bool cr;

		if (end == NULL) {
			reader->last_cr = input[size - 1] == '\r';
			break;
		}
		cr = end > input ? end[-1] == '\r' : reader->last_cr;
		done = (size_t)(end - input) + 1;
		reader->last_cr = false;
		if (cr) {
			reader->skipping = false;
			*consumed = done;
			return true;
		}
	}
	*consumed = size;
	return false;
}

/* The first octets of a line that is refused are done with; the rest is skipped, if it did not end yet. */
static enum line_status
line_refuse(struct line_reader *reader, enum line_status status, const char *line, size_t size)
{
	reader->skipping = size < 2 || line[size - 1] != '\n' || line[size - 2] != '\r';
	reader->last_cr = line[size - 1] == '\r';
	return status;
}

enum line_status
line_take(struct line_reader *reader, const char *input, size_t size, const char **text,
    size_t *length, size_t *consumed)
{
	const char *end, *line;
	size_t start = 0, line_size;

	*consumed = 0;
	if (reader->skipping) {
		if (!line_skip(reader, input, size, consumed))
			return LINE_INCOMPLETE;
		start = *consumed;
	}
	line = input + start;
	end = memchr(line, '\n', size - start);
	line_size = end != NULL ? (size_t)(end - line) + 1 : size - start;
	if (end == NULL && line_size <= LINE_OCTETS_MAX)
		return LINE_INCOMPLETE;
	*consumed = start + line_size;
	if (line_size > LINE_OCTETS_MAX)
		return line_refuse(reader, LINE_TOO_LONG, line, line_size);
	if (line_size < 2 || end[-1] != '\r' || memchr(line, '\r', line_size - 2) != NULL)
		return line_refuse(reader, LINE_BARE, line, line_size);
	if (memchr(line, '\0', line_size) != NULL)
		return LINE_NUL;
	*text = line;
	*length = line_size - 2;
	return LINE_READY;
}
