/* URLs on the command line, and the accounts that they are. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/account_url.h"

static const struct {
	const char *url, *name, *host, *user, *mechanisms;
	unsigned port;
	enum account_security security;
} good[] = {
	{ "pops://anna@pop.example.org", "anna@pop.example.org", "pop.example.org", "anna", "", 0,
	    ACCOUNT_TLS },
	{ "pop://anna@pop.example.org:1110/", "anna@pop.example.org@1110", "pop.example.org", "anna", "", 1110,
	    ACCOUNT_STLS },
	{ "pop://anna@h:110", "anna@h", "h", "anna", "", 110, ACCOUNT_STLS },
	{ "pops://anna@h:110", "anna@h@110", "h", "anna", "", 110, ACCOUNT_TLS },
	{ "pops://an%2Fna%40x@h", "an+2Fna@x@h", "h", "an/na@x", "", 0, ACCOUNT_TLS },
	{ "pops://an_na%40x@h", "an_na@x@h", "h", "an_na@x", "", 0, ACCOUNT_TLS },
	{ "pops://an%2B2Fna@h", "an+2B2Fna@h", "h", "an+2Fna", "", 0, ACCOUNT_TLS },
	{ "pops://..%2F@h", "+2E.+2F@h", "h", "../", "", 0, ACCOUNT_TLS },
	{ "pops://-u@h", "+2Du@h", "h", "-u", "", 0, ACCOUNT_TLS },
	{ "pops://h", "h", "h", "", "", 0, ACCOUNT_TLS },
	{ "pops://u;AUTH=SCRAM-SHA-256@[::1]:995", "u@+3A+3A1", "::1", "u", "SCRAM-SHA-256", 995, ACCOUNT_TLS },
	{ "pops://u;AUTH=*@h", "u@h", "h", "u", "", 0, ACCOUNT_TLS },
	{ "pops://u;AUTH=+APOP@h", "u@h", "h", "u", "APOP", 0, ACCOUNT_TLS },
};

static const char *const bad[] = {
	"",
	"pop.example.org",
	"http://h",
	"pops://u:password@h",
	"pops://",
	"pops://h:0",
	"pops://0123456789012345678901234567890123456789@0123456789012345678901234567890123456789",
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct account account;
		struct error error;

		if (account_from_url(&account, good[i].url, &error) != 0)
			fail_msg("%s: %s", good[i].url, error.text);
		assert_string_equal(account.name, good[i].name);
		assert_string_equal(account.host, good[i].host);
		assert_string_equal(account.user, good[i].user);
		assert_string_equal(account.mechanisms, good[i].mechanisms);
		assert_int_equal(account.port, good[i].port);
		assert_int_equal(account.security, good[i].security);
		assert_int_equal(account.keep, KEEP_ALL);
		assert_int_equal(account.pipelining, 1);
	}
}

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct account account, before;
		struct error error = { .text = "" };

		memset(&account, 0x5a, sizeof(account));
		before = account;
		assert_int_equal(account_from_url(&account, bad[i], &error), -1);
		assert_int_equal(error.kind, ERROR_PERMANENT);
		assert_true(error.text[0] != 0);
		assert_memory_equal(&account, &before, sizeof(account));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
