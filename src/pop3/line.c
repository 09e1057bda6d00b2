/* See line.h. */

#include "pop3/line.h"

#include <string.h>

/* Drops input up to and with the next LF; the rest of a line that was already answered. */
static enum line_status
line_skip(struct line_reader *reader, const char *input, size_t size, size_t *consumed)
{
	const char *end = memchr(input, '\n', size);

	if (end == NULL) {
		*consumed = size;
		return LINE_INCOMPLETE;
	}
	reader->skipping = false;
	*consumed = (size_t)(end - input) + 1;
	return LINE_READY;
}

enum line_status
line_take(struct line_reader *reader, char *input, size_t size, size_t octets_max, char **text,
    size_t *length, size_t *consumed)
{
	size_t start = 0, line_size;
	char *end;

	*consumed = 0;
	if (reader->skipping) {
		if (line_skip(reader, input, size, consumed) == LINE_INCOMPLETE)
			return LINE_INCOMPLETE;
		start = *consumed;
	}
	end = memchr(input + start, '\n', size - start);
	line_size = end != NULL ? (size_t)(end - (input + start)) + 1 : size - start;
	if (line_size > octets_max) {
		reader->skipping = end == NULL;
		*consumed = start + line_size;
		return LINE_TOO_LONG;
	}
	if (end == NULL)
		return LINE_INCOMPLETE;
	*consumed = start + line_size;
	if (end > input + start && end[-1] == '\r')
		end--;
	*end = '\0';
	*text = input + start;
	*length = (size_t)(end - (input + start));
	return memchr(*text, '\0', *length) != NULL ? LINE_NUL : LINE_READY;
}
