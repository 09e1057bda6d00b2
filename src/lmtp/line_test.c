/* Lines out of a stream that comes in pieces of every size, and what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lmtp/line.h"

static const struct {
	const char *input;
	size_t size;		/* 0: its length */
	const char *events;	/* "line;" for a line, "LONG;", "BARE;" and "NUL;" */
} cases[] = {
	{ "RSET\r\n", 0, "RSET;" },
	{ "a\r\n\r\nb\r\n", 0, "a;;b;" },
	{ "a\nb\r\nc\r\n", 0, "BARE;c;" },
	{ "\n\n\na\r\nc\r\n", 0, "BARE;c;" },
	{ "a\n\r\nc\r\n", 0, "BARE;c;" },
	{ "a\rb\r\nc\r\n", 0, "BARE;c;" },
	{ "\r\r\nc\r\n", 0, "BARE;c;" },
	{ "a\rb\nc\r\nd\r\n", 0, "BARE;d;" },
	{ "a\n\rb\r\nc\r\n", 0, "BARE;c;" },
	{ "a\nb\r\rc\r\nd\r\n", 0, "BARE;d;" },
	{ "a\0b\r\nc\r\n", 8, "NUL;c;" },
	{ "\0\n\0\r\nc\r\n", 8, "BARE;c;" },
	{ "\xc3\xa4\r\n", 0, "\xc3\xa4;" },
	{ "RSET\r", 0, "" },
	{ "RSET\n", 0, "BARE;" },
	{ "RSET", 0, "" },
};

/* Feeds the input in pieces and keeps what is left over, as the programs do. */
static void
feed(const char *input, size_t size, size_t piece, char *events)
{
	static const char *const names[] = { [LINE_TOO_LONG] = "LONG", [LINE_BARE] = "BARE", [LINE_NUL] = "NUL" };
	struct line_reader reader = { .skipping = false };
	size_t done = 0, end = 0;

	*events = '\0';
	while (end < size) {
		enum line_status status;

		end = size - end < piece ? size : end + piece;
		do {
			const char *text;
			size_t length, consumed;

			status = line_take(&reader, input + done, end - done, &text, &length, &consumed);
			done += consumed;
			if (status == LINE_READY)
				strncat(events, text, length);
			else if (status != LINE_INCOMPLETE)
				strcat(events, names[status]);
			if (status != LINE_INCOMPLETE)
				strcat(events, ";");
		} while (status != LINE_INCOMPLETE);
		assert_true(end - done <= LINE_OCTETS_MAX);
	}
}

static void
test_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = cases[i].size > 0 ? cases[i].size : strlen(cases[i].input);

		for (size_t piece = 1; piece <= size; piece++) {
			char events[200];

			feed(cases[i].input, size, piece, events);
			assert_string_equal(events, cases[i].events);
		}
	}
}

/* The limit counts the line end; where a long line ends, and with what, does not depend on the pieces. */
static void
test_long(void **state)
{
	static const struct {
		size_t length;
		const char *rest, *events;
	} rows[] = {
		{ LINE_OCTETS_MAX - 1, "\r\nb\r\n", "LONG;b;" },
		{ LINE_OCTETS_MAX - 1, "\nb\r\nc\r\n", "BARE;c;" },
		{ LINE_OCTETS_MAX, "\nb\r\nc\r\n", "LONG;c;" },
		{ LINE_OCTETS_MAX, "\r\nb\r\n", "LONG;b;" },
		{ 5 * LINE_OCTETS_MAX, "\n.\rb\r\nc\r\n", "LONG;c;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static char input[6 * LINE_OCTETS_MAX];
		size_t size = rows[i].length + strlen(rows[i].rest);

		memset(input, 'a', rows[i].length);
		memcpy(input + rows[i].length, rows[i].rest, strlen(rows[i].rest));
		for (size_t piece = 1; piece <= size; piece += piece < 4 ? 1 : 97) {
			char events[200];

			feed(input, size, piece, events);
			assert_string_equal(events, rows[i].events);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_of_every_size),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
