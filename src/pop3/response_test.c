/* Replies of servers, good and bad. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/response.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *line;
	enum response_status status;
	enum response_code code;
	const char *text;
} cases[] = {
	{ "+OK", RESPONSE_OK, CODE_NONE, "" },
	{ "+OK ", RESPONSE_OK, CODE_NONE, "" },
	{ "+OK 2 320", RESPONSE_OK, CODE_NONE, "2 320" },
	{ "+ok  ready", RESPONSE_OK, CODE_NONE, "ready" },
	{ "+OK<1896.697170952@dbc.mtview.ca.us>", RESPONSE_OK, CODE_NONE, "<1896.697170952@dbc.mtview.ca.us>" },
	{ "+OK [AUTH] no code here", RESPONSE_OK, CODE_NONE, "[AUTH] no code here" },
	{ "-ERR", RESPONSE_ERROR, CODE_NONE, "" },
	{ "-ERR no such message", RESPONSE_ERROR, CODE_NONE, "no such message" },
	{ "-err no", RESPONSE_ERROR, CODE_NONE, "no" },
	{ "-Error no", RESPONSE_ERROR, CODE_NONE, "or no" },
	{ "- no", RESPONSE_ERROR, CODE_NONE, "no" },
	{ "-ERR [IN-USE] busy", RESPONSE_ERROR, CODE_IN_USE, "busy" },
	{ "-ERR [in-use]busy", RESPONSE_ERROR, CODE_IN_USE, "busy" },
	{ "-ERR [AUTH]", RESPONSE_ERROR, CODE_AUTH, "" },
	{ "-ERR [LOGIN-DELAY] wait", RESPONSE_ERROR, CODE_LOGIN_DELAY, "wait" },
	{ "-ERR [SYS/TEMP] disk", RESPONSE_ERROR, CODE_SYS_TEMP, "disk" },
	{ "-ERR [SYS/PERM] disk", RESPONSE_ERROR, CODE_SYS_PERM, "disk" },
	{ "-ERR [UTF8] header", RESPONSE_ERROR, CODE_UTF8, "header" },
	/* A level below a known code is that code; a longer word is not. */
	{ "-ERR [SYS/TEMP/DISK] full", RESPONSE_ERROR, CODE_SYS_TEMP, "full" },
	{ "-ERR [SYS/TEMPER] full", RESPONSE_ERROR, CODE_OTHER, "[SYS/TEMPER] full" },
	{ "-ERR [SYS] full", RESPONSE_ERROR, CODE_OTHER, "[SYS] full" },
	{ "-ERR [REFERRAL/anna@b.example] there", RESPONSE_ERROR, CODE_OTHER, "[REFERRAL/anna@b.example] there" },
	{ "-ERR [AUTH", RESPONSE_ERROR, CODE_NONE, "[AUTH" },
	{ "-ERR [] x", RESPONSE_ERROR, CODE_OTHER, "[] x" },
	{ "+", RESPONSE_CHALLENGE, CODE_NONE, "" },
	{ "+ ", RESPONSE_CHALLENGE, CODE_NONE, "" },
	{ "+ cmFzaA==", RESPONSE_CHALLENGE, CODE_NONE, "cmFzaA==" },
};

static void
test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct response response;
		struct error error;
		char line[200];

		strcpy(line, cases[i].line);
		if (response_parse(&response, line, &error) < 0)
			fail_msg("%s: %s", cases[i].line, error.text);
		if (response.status != cases[i].status || response.code != cases[i].code)
			fail_msg("%s: status %d, code %d", cases[i].line, response.status, response.code);
		assert_string_equal(response.text, cases[i].text);
	}
}

static void
test_what_is_no_reply(void **state)
{
	static const char *const lines[] = { "", "OK", " +OK", "+O", "+fine", "* OK IMAP4", "220 smtp", ".", "1 120" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct response response = { .status = RESPONSE_CHALLENGE };
		struct error error;
		char line[200];

		strcpy(line, lines[i]);
		if (response_parse(&response, line, &error) == 0)
			fail_msg("\"%s\" was taken for a reply", lines[i]);
		assert_int_equal(error.kind, ERROR_PROTOCOL);
		assert_int_equal(response.status, RESPONSE_CHALLENGE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_what_is_no_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
