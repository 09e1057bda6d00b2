/*
 * The end of a message is found where it is and nowhere else: every text of a few octets out of CR, LF, dot and another,
 * in every way to cut it, against a reader that is too simple to be wrong.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lmtp/dots.h"

#define LENGTH 7

struct result {
	char text[LENGTH + 1];
	size_t length, done;
	bool ended;
};

/* RFC 5321, section 4.5.2, line by line: a line is what CRLF ends. */
static void
read_simply(struct result *result, const char *text, size_t size)
{
	size_t line = 0;

	*result = (struct result){ .done = size };
	while (line < size) {
		const char *end = memmem(text + line, size - line, "\r\n", 2);
		size_t length = end != NULL ? (size_t)(end - text) + 2 - line : size - line;
		bool dot = text[line] == '.';

		if (length == 3 && dot && end != NULL) {
			result->ended = true;
			result->done = line + 3;
			return;
		}
		/* ".CR" at the end of what there is may yet become the end: nothing of it is text. */
		if (length == 2 && dot && end == NULL && text[line + 1] == '\r')
			return;
		memcpy(result->text + result->length, text + line + dot, length - dot);
		result->length += length - dot;
		line += length;
	}
}

static void
read_in_pieces(struct result *result, const char *text, size_t size, unsigned cuts)
{
	struct dots dots;
	size_t start = 0;

	*result = (struct result){ .length = 0 };
	dots_begin(&dots);
	for (size_t end = 1; end <= size; end++) {
		if (end < size && (cuts & 1u << (end - 1)) == 0)
			continue;
		while (start < end && dots.place != DOTS_END) {
			const char *piece;
			size_t length;

			start += dots_take(&dots, text + start, end - start, &piece, &length);
			assert_true(result->length + length <= LENGTH);
			memcpy(result->text + result->length, piece, length);
			result->length += length;
		}
	}
	result->done = start;
	result->ended = dots.place == DOTS_END;
}

static void
test_every_text(void **state)
{
	(void)state;
	for (unsigned number = 0; number < 1u << (2 * LENGTH); number++) {
		char text[LENGTH];
		struct result simple, pieces;

		for (unsigned i = 0; i < LENGTH; i++)
			text[i] = "\r\n.a"[number >> (2 * i) & 3];
		read_simply(&simple, text, LENGTH);
		for (unsigned cuts = 0; cuts < 1u << (LENGTH - 1); cuts++) {
			read_in_pieces(&pieces, text, LENGTH, cuts);
			assert_int_equal(pieces.ended, simple.ended);
			assert_int_equal(pieces.done, simple.done);
			assert_int_equal(pieces.length, simple.length);
			assert_memory_equal(pieces.text, simple.text, simple.length);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_text) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
