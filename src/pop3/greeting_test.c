/* Timestamps of APOP, and greetings that have none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/greeting.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* timestamp NULL: there is none. */
static const struct {
	const char *text, *timestamp;
} cases[] = {
	{ "POP3 server ready <1896.697170952@dbc.mtview.ca.us>", "<1896.697170952@dbc.mtview.ca.us>" },
	{ "<a@b> ready", "<a@b>" },
	{ "<old> ready <1@host>", "<1@host>" },
	{ "<1@first> <2@second>", "<2@second>" },
	{ "ready", NULL },
	{ "", NULL },
	{ "<>", NULL },
	{ "<1@>", NULL },
	{ "<@host>", NULL },
	{ "<1@host", NULL },
	{ "<1>@host", NULL },
	{ "1@host>", NULL },
	{ "<1@ho st>", NULL },
	{ "<1@h@st>", NULL },
	{ "<1\x01@host>", NULL },
	{ "<1\xc3\xa4@host>", NULL },
	{ "<1(@host>", NULL },
};

static void
test_greetings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char timestamp[100] = "untouched";
		bool found = greeting_timestamp(cases[i].text, timestamp, sizeof(timestamp));

		if (found != (cases[i].timestamp != NULL))
			fail_msg("%s: %d", cases[i].text, found);
		assert_string_equal(timestamp, found ? cases[i].timestamp : "untouched");
	}
}

static void
test_no_room(void **state)
{
	char timestamp[6];

	(void)state;
	assert_true(greeting_timestamp("<a@b>", timestamp, 6));
	assert_false(greeting_timestamp("<a@b>", timestamp, 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
