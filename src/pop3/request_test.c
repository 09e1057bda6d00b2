/* Command lines as real clients and attackers write them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/request.h"

static const struct {
	const char *line;
	enum request_arguments arguments;
	const char *keyword;
	bool valid;
	uint64_t number, lines;
	const char *first, *second;
} cases[] = {
	{ "STAT", ARGS_NONE, "STAT", true, 0, 0, NULL, NULL },
	{ "stat", ARGS_NONE, "STAT", true, 0, 0, NULL, NULL },
	{ "sTaT   ", ARGS_NONE, "STAT", true, 0, 0, NULL, NULL },
	{ "STAT 1", ARGS_NONE, "STAT", false, 0, 0, NULL, NULL },
	{ "", ARGS_NONE, "", true, 0, 0, NULL, NULL },
	{ " STAT", ARGS_NONE, "", false, 0, 0, NULL, NULL },
	{ "AVERYLONGKEYWORDINDEED", ARGS_NONE, "", true, 0, 0, NULL, NULL },
	{ "st\xc3\xa4t", ARGS_NONE, "ST\xc3\xa4T", true, 0, 0, NULL, NULL },

	{ "LIST", ARGS_MAYBE_MESSAGE, "LIST", true, 0, 0, NULL, NULL },
	{ "LIST ", ARGS_MAYBE_MESSAGE, "LIST", true, 0, 0, NULL, NULL },
	{ "LIST 2", ARGS_MAYBE_MESSAGE, "LIST", true, 2, 0, NULL, NULL },
	{ "LIST  2 ", ARGS_MAYBE_MESSAGE, "LIST", true, 2, 0, NULL, NULL },
	{ "LIST 002", ARGS_MAYBE_MESSAGE, "LIST", true, 2, 0, NULL, NULL },
	{ "LIST 0", ARGS_MAYBE_MESSAGE, "LIST", false, 0, 0, NULL, NULL },
	{ "LIST -1", ARGS_MAYBE_MESSAGE, "LIST", false, 0, 0, NULL, NULL },
	{ "LIST +1", ARGS_MAYBE_MESSAGE, "LIST", false, 0, 0, NULL, NULL },
	{ "LIST 1x", ARGS_MAYBE_MESSAGE, "LIST", false, 0, 0, NULL, NULL },
	{ "LIST 1 2", ARGS_MAYBE_MESSAGE, "LIST", false, 0, 0, NULL, NULL },
	{ "LIST 18446744073709551616", ARGS_MAYBE_MESSAGE, "LIST", false, 0, 0, NULL, NULL },
	{ "LIST 18446744073709551615", ARGS_MAYBE_MESSAGE, "LIST", true, UINT64_MAX, 0, NULL, NULL },

	{ "RETR", ARGS_MESSAGE, "RETR", false, 0, 0, NULL, NULL },
	{ "RETR 4294967297", ARGS_MESSAGE, "RETR", true, 4294967297, 0, NULL, NULL },
	{ "RETR\t1", ARGS_MESSAGE, "RETR\t1", false, 0, 0, NULL, NULL },
	{ "TOP 1 0", ARGS_MESSAGE_AND_LINES, "TOP", true, 1, 0, NULL, NULL },
	{ "TOP 1 99999999", ARGS_MESSAGE_AND_LINES, "TOP", true, 1, 99999999, NULL, NULL },
	{ "TOP  1   10 ", ARGS_MESSAGE_AND_LINES, "TOP", true, 1, 10, NULL, NULL },
	{ "TOP 1", ARGS_MESSAGE_AND_LINES, "TOP", false, 0, 0, NULL, NULL },
	{ "TOP", ARGS_MESSAGE_AND_LINES, "TOP", false, 0, 0, NULL, NULL },
	{ "TOP 1 -1", ARGS_MESSAGE_AND_LINES, "TOP", false, 0, 0, NULL, NULL },
	{ "TOP 1 2 3", ARGS_MESSAGE_AND_LINES, "TOP", false, 0, 0, NULL, NULL },
	{ "TOP 0 1", ARGS_MESSAGE_AND_LINES, "TOP", false, 0, 0, NULL, NULL },

	{ "USER anna", ARGS_REST, "USER", true, 0, 0, "anna", NULL },
	{ "USER  anna b ", ARGS_REST, "USER", true, 0, 0, "anna b", NULL },
	{ "USER", ARGS_REST, "USER", false, 0, 0, NULL, NULL },
	{ "USER ", ARGS_REST, "USER", false, 0, 0, NULL, NULL },
	{ "PASS secret", ARGS_VERBATIM, "PASS", true, 0, 0, "secret", NULL },
	{ "PASS  a b ", ARGS_VERBATIM, "PASS", true, 0, 0, " a b ", NULL },
	{ "PASS ", ARGS_VERBATIM, "PASS", true, 0, 0, "", NULL },
	{ "PASS", ARGS_VERBATIM, "PASS", true, 0, 0, "", NULL },
	{ "APOP anna 0123", ARGS_TWO_WORDS, "APOP", true, 0, 0, "anna", "0123" },
	{ "APOP  a b  0123 ", ARGS_TWO_WORDS, "APOP", true, 0, 0, "a b", "0123" },
	{ "APOP anna", ARGS_TWO_WORDS, "APOP", false, 0, 0, NULL, NULL },
	{ "APOP", ARGS_TWO_WORDS, "APOP", false, 0, 0, NULL, NULL },
	{ "AUTH", ARGS_MAYBE_REST, "AUTH", true, 0, 0, "", NULL },
	{ "AUTH ", ARGS_MAYBE_REST, "AUTH", true, 0, 0, "", NULL },
	{ "AUTH plain =", ARGS_MAYBE_REST, "AUTH", true, 0, 0, "plain =", NULL },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request request;
		const char *problem;
		char line[100];

		snprintf(line, sizeof(line), "%s", cases[i].line);
		request_begin(&request, line);
		assert_string_equal(request.keyword, cases[i].keyword);
		problem = request_arguments(&request, cases[i].arguments);
		if (!cases[i].valid) {
			assert_non_null(problem);
			assert_true(problem[0] != '[');
			continue;
		}
		assert_null(problem);
		assert_int_equal(request.number, cases[i].number);
		assert_int_equal(request.lines, cases[i].lines);
		assert_int_equal(request.all, cases[i].arguments == ARGS_MAYBE_MESSAGE && cases[i].number == 0);
		if (cases[i].first != NULL)
			assert_string_equal(request.words[0], cases[i].first);
		if (cases[i].second != NULL)
			assert_string_equal(request.words[1], cases[i].second);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
