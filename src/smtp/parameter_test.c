/* Parameters and their values; xtext. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "smtp/parameter.h"
#include "smtp/xtext.h"

static const struct {
	const char *input;
	bool utf8;
	const char *events;	/* "KEYWORD=value;", "BAD;" at the end */
} cases[] = {
	{ "", false, "" },
	{ " ", false, "" },
	{ " SIZE=1", false, "SIZE=1;" },
	{ " size=1 Body=8BITMIME  SMTPUTF8 ", false, "SIZE=1;BODY=8BITMIME;SMTPUTF8;" },
	{ "A-1=x", false, "A-1=x;" },
	{ "-A=x", false, "BAD;" },
	{ "A= B", false, "BAD;" },
	{ "A=b=c", false, "BAD;" },
	{ "=b", false, "BAD;" },
	{ "A=b\tc", false, "BAD;" },
	{ "A\tB", false, "BAD;" },
	{ "A=\x7f", false, "BAD;" },
	{ "A=\xc3\xa4", true, "A=\xc3\xa4;" },
	{ "A=\xc3\xa4", false, "BAD;" },
	{ "A=\xc3", true, "BAD;" },
	{ "\xc3\xa4=A", true, "BAD;" },
	{ "A123456789012345=b", false, "=b;" },
	{ "A12345678901234=b", false, "A12345678901234=b;" },
};

static void
test_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64], events[128] = "", *at = text;
		struct parameter parameter;
		enum parameter_status status;

		snprintf(text, sizeof(text), "%s", cases[i].input);
		while ((status = parameter_take(&at, cases[i].utf8, &parameter)) == PARAMETER_READY) {
			strcat(events, parameter.keyword);
			strcat(events, parameter.value != NULL ? "=" : "");
			strcat(events, parameter.value != NULL ? parameter.value : "");
			strcat(events, ";");
		}
		strcat(events, status == PARAMETER_BAD ? "BAD;" : "");
		assert_string_equal(events, cases[i].events);
	}
}

static void
test_notify(void **state)
{
	static const struct {
		const char *value;
		bool good;
		unsigned notify;
	} rows[] = {
		{ "NEVER", true, NOTIFY_NEVER }, { "success,FAILURE", true, NOTIFY_SUCCESS | NOTIFY_FAILURE },
		{ "DELAY", true, NOTIFY_DELAY }, { "NEVER,DELAY", false, 77 }, { "", false, 77 },
		{ "DELAY,", false, 77 }, { ",DELAY", false, 77 }, { "DELAYS", false, 77 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned notify = 77;

		assert_int_equal(notify_parse(rows[i].value, &notify), rows[i].good);
		assert_int_equal(notify, rows[i].notify);
	}
}

static void
test_orcpt_and_envid(void **state)
{
	char value[ORCPT_OCTETS_MAX + 2] = "rfc822;";

	(void)state;
	assert_true(orcpt_valid("rfc822;anna+2Blists@x", false));
	assert_true(orcpt_valid("utf-8;\xc3\xa4@x", true));
	assert_false(orcpt_valid("rfc822;\xc3\xa4@x", true));
	assert_false(orcpt_valid("rfc822", false));
	assert_false(orcpt_valid("rfc822;", false));
	assert_false(orcpt_valid(";a", false));
	assert_false(orcpt_valid("rfc822;a+b", false));
	memset(value + 7, 'a', ORCPT_OCTETS_MAX - 7);
	assert_true(orcpt_valid(value, false));
	value[ORCPT_OCTETS_MAX] = 'a';
	assert_false(orcpt_valid(value, false));
	assert_true(envid_valid("a+2Bb"));
	assert_false(envid_valid("a+2bb"));
	value[ENVID_OCTETS_MAX + 7] = '\0';
	assert_true(envid_valid(value + 7));
	value[ENVID_OCTETS_MAX + 7] = 'a';
	value[ENVID_OCTETS_MAX + 8] = '\0';
	assert_false(envid_valid(value + 7));
}

static void
test_xtext(void **state)
{
	static const struct {
		const char *text, *decoded;	/* NULL: it is none */
	} rows[] = {
		{ "", "" }, { "abc", "abc" }, { "a+2Bb", "a+b" }, { "+0A", "\n" }, { "+FF", "\xff" },
		{ "1234567", "1234567" }, { "12345678", NULL }, { "+00", NULL }, { "+", NULL }, { "+2", NULL },
		{ "+2b", NULL }, { "+G0", NULL }, { "a=b", NULL }, { "a b", NULL }, { "\xc3\xa4", NULL },
		{ "\x7f", NULL }, { "+7F", "\x7f" }, { "+10", "\x10" }, { "+01", "\x01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char output[8] = "before";

		assert_int_equal(xtext_decode(rows[i].text, output, sizeof(output)), rows[i].decoded != NULL);
		assert_string_equal(output, rows[i].decoded != NULL ? rows[i].decoded : "before");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_orcpt_and_envid),
		cmocka_unit_test(test_xtext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
