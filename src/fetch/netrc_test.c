/* Files in the form of ~/.netrc, and whose password is found in them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/netrc.h"

static const struct {
	const char *text, *host, *user, *expected; /* NULL: none */
} cases[] = {
	{ "", "h", "u", NULL }, { "machine h login u password p", "h", "u", "p" },
	{ "machine h login u password p\n", "H", "u", "p" },
	{ "machine h login u password p\n", "h", "U", NULL },
	{ "machine h login u password p\n", "i", "u", NULL },
	{ "machine h\n\tlogin u\n\tpassword p\n", "h", "u", "p" },
	{ "machine h\r\n login u\r\n password p\r\n", "h", "u", "p" },
	{ "machine h password p login u\n", "h", "u", "p" },
	{ "machine h password p login v\nmachine h password q login u\n", "h", "u", "q" },
	{ "machine h password p\n", "h", "u", "p" },
	{ "machine h login u\nmachine i login u password p\n", "h", "u", NULL },
	{ "machine h login u password p\nmachine h login v password q\n", "h", "", "p" },
	{ "machine h login v password q\ndefault login u password p\n", "h", "u", "p" },
	{ "default login u password p\n", "h", "v", NULL },
	{ "machine h login u account a password p\n", "h", "u", "p" },
	{ "machine h login u account password password p\n", "h", "u", "p" },
	{ "machine h login \"a b\" password \"p \\\"q\\\\ r\"\n", "h", "a b", "p \"q\\ r" },
	{ "machine h login u password \"a#b\"\n", "h", "u", "a#b" },
	{ "machine h login u password a#b\n", "h", "u", "a#b" },
	{ "# machine h login u password no\nmachine h login u password p\n", "h", "u", "p" },
	{ "#\nmachine h login u password p\n", "h", "u", "p" },
	{ "machine h # login u password no\n login u password p\n", "h", "u", "p" },
	{ "machine x macdef init\nmachine h login u password no\n\nmachine h login u password p\n", "h", "u",
	    "p" },
	{ "macdef init\nmachine h login u password no\n", "h", "u", NULL },
	{ "machine h login u password\n", "h", "u", NULL },
	{ "machine h login u password \"\"\n", "h", "u", NULL }, { "machine", "h", "u", NULL },
	{ "machine h login u password \"open", "h", "u", "open" },
	{ "machine h login u password 1234567\n", "h", "u", "1234567" },
	{ "machine h login u password 12345678\n", "h", "u", "12345678" },
	{ "machine h login u password 0123456789abcdef\n", "h", "u", NULL }, /* the buffer has 16 octets */
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = strdup(cases[i].text), secret[16] = "as it was";
		bool found = netrc_find(text, cases[i].host, cases[i].user, secret, sizeof(secret));

		if (found != (cases[i].expected != NULL))
			fail_msg("case %zu: %s", i, cases[i].text);
		assert_string_equal(secret, found ? cases[i].expected : "as it was");
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
