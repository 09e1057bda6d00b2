/* See dots.h. */

#include "lmtp/dots.h"

#include <string.h>

void
dots_begin(struct dots *dots)
{
	*dots = (struct dots){ .place = DOTS_TEXT, .before = { '\r', '\n' } };
}

/* Remembers the last two octets of what is done with. */
static void
dots_remember(struct dots *dots, const char *input, size_t size)
{
	if (size == 0)
		return;
	dots->before[0] = size > 1 ? input[size - 2] : dots->before[1];
	dots->before[1] = input[size - 1];
}

/* Does a line begin at input[offset]? */
static bool
line_begins(const struct dots *dots, const char *input, size_t offset)
{
	char last = offset > 0 ? input[offset - 1] : dots->before[1];
	char last_but_one = offset > 1 ? input[offset - 2] : dots->before[offset == 1];

	return last == '\n' && last_but_one == '\r';
}

/* Text up to the next dot at the start of a line. Most messages are mostly without dots: look for those. */
static size_t
take_text(struct dots *dots, const char *input, size_t size, size_t *length)
{
	size_t offset = 0;

	for (;;) {
		const char *dot = memchr(input + offset, '.', size - offset);

		if (dot == NULL) {
			*length = size;
			dots_remember(dots, input, size);
			return size;
		}
		offset = (size_t)(dot - input);
		if (line_begins(dots, input, offset))
			break;
		offset++;
	}
	*length = offset;
	dots_remember(dots, input, offset + 1);
	dots->place = DOTS_DOT;
	return offset + 1;
}

size_t
dots_take(struct dots *dots, const char *input, size_t size, const char **text, size_t *length)
{
	*text = input;
	*length = 0;
	if (size == 0 || dots->place == DOTS_END)
		return 0;
	if (dots->place == DOTS_TEXT)
		return take_text(dots, input, size, length);
	if (dots->place == DOTS_DOT) {
		if (*input == '\r') {
			dots->place = DOTS_CR;
			dots_remember(dots, input, 1);
			return 1;
		}
		/* The dot was put in. A second one is text: before says that no line begins there. */
		dots->place = DOTS_TEXT;
		return take_text(dots, input, size, length);
	}
	if (*input == '\n') {
		dots->place = DOTS_END;
		return 1;
	}
	/* The CR behind the dot was no half of a line end: it is text. What follows is looked at again. */
	dots->place = DOTS_TEXT;
	*text = "\r";
	*length = 1;
	return 0;
}
