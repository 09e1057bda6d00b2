/* Options: what can be set, what stands there where nothing was, URLs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/options.h"


static const struct {
	enum restante_option option;
	const char *value;
	bool is_good;
} values[] = {
	{ RESTANTE_HOST, "pop.example", true },
	{ RESTANTE_HOST, "", false },
	{ RESTANTE_HOST, "a\nb", false },
	{ RESTANTE_PORT, "1", true },
	{ RESTANTE_PORT, "65535", true },
	{ RESTANTE_PORT, "0", false },
	{ RESTANTE_PORT, "65536", false },
	{ RESTANTE_PORT, "pop3", false },
	{ RESTANTE_SECURITY, "tls", true },
	{ RESTANTE_SECURITY, "stls", true },
	{ RESTANTE_SECURITY, "clear", true },
	{ RESTANTE_SECURITY, "", false },
	{ RESTANTE_SECURITY, "tl", false },
	{ RESTANTE_SECURITY, "tlsx", false },
	{ RESTANTE_SECURITY, "starttls", false },
	{ RESTANTE_CLEAR_PASSWORD, "yes", true },
	{ RESTANTE_CLEAR_PASSWORD, "1", false },
	{ RESTANTE_USER, "anna", true },
	{ RESTANTE_USER, "anna\rQUIT", false },
	{ RESTANTE_PASSWORD, "", true },
	{ RESTANTE_PASSWORD, "a b\tc", true },
	{ RESTANTE_PASSWORD, "a\nb", false },
	{ RESTANTE_TOKEN, "", false },
	{ RESTANTE_MECHANISMS, "", true },
	{ RESTANTE_WINDOW, "1", true },
	{ RESTANTE_WINDOW, "10001", false },
	{ RESTANTE_TIMEOUT, "0", false },
	{ RESTANTE_OPTION_COUNT, "x", false },
	{ 0, "x", false },
};

static void
test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct restante_options *options = restante_options_new();
		int result = restante_options_set(options, values[i].option, values[i].value);

		if ((result == 0) != values[i].is_good)
			fail_msg("option %d, \"%s\": %d", values[i].option, values[i].value, result);
		if (result == 0) {
			assert_string_equal(restante_options_get(options, values[i].option), values[i].value);
			assert_int_equal(restante_options_set(options, values[i].option, NULL), 0);
		} else
			assert_true(restante_options_error(options)[0] != '\0');
		assert_null(restante_options_get(options, values[i].option));
		restante_options_free(options);
	}
	restante_options_free(NULL);
}

static void
test_an_impossible_value_changes_nothing(void **state)
{
	struct restante_options *options = restante_options_new();

	(void)state;
	assert_int_equal(restante_options_set(options, RESTANTE_PORT, "1110"), 0);
	assert_int_equal(restante_options_set(options, RESTANTE_PORT, "x"), -1);
	assert_string_equal(restante_options_error(options), "port: not a number from 1 to 65535");
	assert_string_equal(restante_options_get(options, RESTANTE_PORT), "1110");
	assert_int_equal(restante_options_set_url(options, "pop://anna:secret@pop.example"), -1);
	assert_null(restante_options_get(options, RESTANTE_HOST));
	assert_string_equal(restante_options_get(options, RESTANTE_PORT), "1110");
	restante_options_free(options);
}

static void
test_defaults(void **state)
{
	struct restante_options *options = restante_options_new();

	(void)state;
	assert_string_equal(option_text(options, RESTANTE_SECURITY), "tls");
	assert_int_equal(option_number(options, RESTANTE_PORT), 995);
	restante_options_set(options, RESTANTE_SECURITY, "stls");
	assert_int_equal(option_number(options, RESTANTE_PORT), 110);
	restante_options_set(options, RESTANTE_SECURITY, "clear");
	assert_int_equal(option_number(options, RESTANTE_PORT), 110);
	assert_false(option_is_yes(options, RESTANTE_CLEAR_PASSWORD));
	assert_false(option_is_yes(options, RESTANTE_UTF8));
	assert_true(option_is_yes(options, RESTANTE_PIPELINING));
	assert_int_equal(option_number(options, RESTANTE_WINDOW), 64);
	assert_int_equal(option_number(options, RESTANTE_TIMEOUT), 60);
	assert_int_equal(option_number(options, RESTANTE_CONNECT_TIMEOUT), 20);
	assert_string_equal(option_text(options, RESTANTE_MECHANISMS), "*");
	assert_null(option_text_or_null(options, RESTANTE_USER));
	restante_options_free(options);
}

static const struct {
	const char *url, *security, *host, *port, *user, *mechanisms, *again;
} urls[] = {
	{ "pops://anna@pop.example", "tls", "pop.example", NULL, "anna", NULL, "pops://anna@pop.example" },
	{ "pop://anna;AUTH=+APOP@pop.example:1110", "stls", "pop.example", "1110", "anna", "APOP",
	  "pop://anna;AUTH=+APOP@pop.example:1110" },
	{ "pop://an%40na;AUTH=*@[::1]", "stls", "::1", NULL, "an@na", "*", "pop://an%40na;AUTH=*@[::1]" },
	{ "pop://pop.example", "stls", "pop.example", NULL, NULL, NULL, "pop://pop.example" },
	{ "pops://anna;AUTH=SCRAM-SHA-1@pop.example", "tls", "pop.example", NULL, "anna", "SCRAM-SHA-1",
	  "pops://anna;AUTH=SCRAM-SHA-1@pop.example" },
};

static void
check(const struct restante_options *options, enum restante_option option, const char *value)
{
	const char *is = restante_options_get(options, option);

	if (value == NULL)
		assert_null(is);
	else {
		assert_non_null(is);
		assert_string_equal(is, value);
	}
}

static void
test_urls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct restante_options *options = restante_options_new();
		char *again;

		if (restante_options_set_url(options, urls[i].url) != 0)
			fail_msg("%s: %s", urls[i].url, restante_options_error(options));
		check(options, RESTANTE_SECURITY, urls[i].security);
		check(options, RESTANTE_HOST, urls[i].host);
		check(options, RESTANTE_PORT, urls[i].port);
		check(options, RESTANTE_USER, urls[i].user);
		check(options, RESTANTE_MECHANISMS, urls[i].mechanisms);
		again = restante_options_url(options);
		assert_string_equal(again, urls[i].again);
		free(again);
		restante_options_free(options);
	}
}

static void
test_no_url_without_a_host(void **state)
{
	struct restante_options *options = restante_options_new();

	(void)state;
	restante_options_set(options, RESTANTE_USER, "anna");
	assert_null(restante_options_url(options));
	restante_options_free(options);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_an_impossible_value_changes_nothing),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_no_url_without_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
