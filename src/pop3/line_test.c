/* Lines out of a stream that comes in pieces of every size, and what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/line.h"

#define MAX 10	/* octets with the line end */

static const struct {
	const char *input;
	size_t size;
	const char *events;	/* "line;" for a line, "LONG;" and "NUL;" */
} cases[] = {
	{ "STAT\r\n", 6, "STAT;" },
	{ "STAT\n", 5, "STAT;" },
	{ "a\nb\r\nc\n", 7, "a;b;c;" },
	{ "\r\n\n", 3, ";;" },
	{ "a\r\r\n", 4, "a\r;" },
	{ "a\rb\r\n", 5, "a\rb;" },
	{ "\ra\n", 3, "\ra;" },
	{ "12345678\r\n", 10, "12345678;" },
	{ "123456789\n", 10, "123456789;" },
	{ "123456789\r\n", 11, "LONG;" },
	{ "1234567890123\r\nNOOP\r\n", 21, "LONG;NOOP;" },
	{ "1234567890123456789012345678901234567890\r\nNOOP\r\n", 48, "LONG;NOOP;" },
	{ "a\0b\nNOOP\n", 9, "NUL;NOOP;" },
	{ "12345678901\n23\nNOOP\n", 20, "LONG;23;NOOP;" },
	{ "\xc3\xa4\r\n", 4, "\xc3\xa4;" },
	{ "STA", 3, "" },
};

/* Feeds the input in pieces and keeps what is left over, as the programs do. */
static void
feed(const char *input, size_t size, size_t piece, char *events)
{
	struct line_reader reader = { .skipping = false };
	char buffer[64 + MAX], *text;
	size_t used = 0, offset = 0, length, consumed;

	*events = '\0';
	while (offset < size) {
		size_t part = piece < size - offset ? piece : size - offset, done = 0;
		enum line_status status;

		memcpy(buffer + used, input + offset, part);
		offset += part;
		used += part;
		for (;;) {
			status = line_take(&reader, buffer + done, used - done, MAX, &text, &length,
			    &consumed);
			done += consumed;
			if (status == LINE_INCOMPLETE)
				break;
			if (status == LINE_READY)
				strncat(events, text, length);
			else
				strcat(events, status == LINE_NUL ? "NUL" : "LONG");
			strcat(events, ";");
		}
		used -= done;
		memmove(buffer, buffer + done, used);
		assert_true(used <= MAX);
	}
}

static void
test_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= cases[i].size; piece++) {
			char events[200];

			feed(cases[i].input, cases[i].size, piece, events);
			assert_string_equal(events, cases[i].events);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pieces_of_every_size) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
