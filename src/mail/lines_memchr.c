/*
 * Where there is nothing better, and for the ends that do not fill a block: from line end to line
 * end with memchr(). See lines.h.
 */

#include "mail/lines.h"

#include <string.h>

static bool
usable(void)
{
	return true;
}

static void
count(struct line_counts *counts, const char *text, size_t size, char before)
{
	const char *position = text, *end = text + size, *line_end;

	counts->dot_count += size > 0 && before == '\n' && *text == '.';
	while ((line_end = memchr(position, '\n', (size_t)(end - position))) != NULL) {
		counts->bare_count += (line_end > text ? line_end[-1] : before) != '\r';
		position = line_end + 1;
		counts->dot_count += position < end && *position == '.';
	}
}

static size_t
convert(struct line_counts *counts, char *output, size_t output_size, const char *text, size_t size,
    char before)
{
	size_t done = 0, used = 0;

	while (done < size && used < output_size) {
		size_t length, left = size - done;
		const char *line_end;

		if (before == '\n' && text[done] == '.') {
			if (output_size - used < 2)
				break;
			output[used++] = '.';
			counts->dot_count++;
		}
		if (left > output_size - used)
			left = output_size - used;
		line_end = memchr(text + done, '\n', left);
		length = line_end != NULL ? (size_t)(line_end - (text + done)) : left;
		memcpy(output + used, text + done, length);
		used += length;
		done += length;
		if (length > 0)
			before = text[done - 1];
		if (line_end == NULL)
			continue;
		if (before != '\r') {
			if (output_size - used < 2)
				break;
			output[used++] = '\r';
			counts->bare_count++;
		}
		output[used++] = before = '\n';
		done++;
	}
	return done;
}

const struct lines lines_memchr = {
	.name = "memchr",
	.usable = usable,
	.count = count,
	.convert = convert,
};
