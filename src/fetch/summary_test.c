/* Encoded words as RFC 2047, section 8, has them, and such as it does not allow. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/summary.h"

static const struct {
	const char *text, *decoded;
} rows[] = {
	{ "plain", "plain" },
	{ "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>" },
	{ "=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xc3\xa9 Pirard" },
	{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo" },
	{ "=?utf-8?q?a?= =?utf-8?q?b?=", "ab" },
	{ "=?utf-8*de?q?a?=  b", "a  b" },
	{ "x =?utf-8?q?a?=", "x a" },
	{ "=?nonsense?q?a?=", "=?nonsense?q?a?=" },
	{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
	{ "=?utf-8?q?a", "=?utf-8?q?a" },
	{ "=?utf-8?q?=ff?=", "=?utf-8?q?=ff?=" },
	{ "=?", "=?" },
	{ "=?utf-8?q?=4?=", "=4" },
	{ "=?utf-8?b?####?=", "=?utf-8?b?####?=" },
};

static void
test_words(void **state)
{
	char decoded[100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		summary_decode(decoded, sizeof(decoded), rows[i].text);
		assert_string_equal(decoded, rows[i].decoded);
	}
}

static void
test_cut_between_characters(void **state)
{
	char decoded[4];

	(void)state;
	summary_decode(decoded, sizeof(decoded), "\xc3\xa9\xc3\xa9");
	assert_string_equal(decoded, "\xc3\xa9");
	summary_decode(decoded, sizeof(decoded), "abcdef");
	assert_string_equal(decoded, "abc");
}

static void
test_header(void **state)
{
	static const char header[] =
	    "Received: x\r\n\tby y\r\nsubject: =?utf-8?q?one?=\r\n =?utf-8?q?two?=\r\n"
	    "FROM:\tanna@example.org\r\nDate: today\r\nDate: tomorrow\r\n\r\nFrom: body\r\n";
	struct summary summary;

	(void)state;
	summary_take(&summary, header, sizeof(header) - 1);
	assert_string_equal(summary.subject, "onetwo");
	assert_string_equal(summary.from, "anna@example.org");
	assert_string_equal(summary.date, "today");
	summary_take(&summary, "\nFrom: body\n", 12);
	assert_string_equal(summary.from, "");
	summary_take(&summary, "From", 4);
	assert_string_equal(summary.from, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_cut_between_characters),
		cmocka_unit_test(test_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
