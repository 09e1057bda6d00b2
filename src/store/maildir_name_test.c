/* File names as MTAs and IMAP servers make them, and as nobody should. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "store/maildir_name.h"

static const struct {
	const char *name;
	uint64_t time;
	size_t base_size, unique_size;
	bool has_wire_size;
	uint64_t wire_size;
} cases[] = {
	{ "1700000000.M20046P2137.mx", 1700000000, 25, 25, false, 0 },
	{ "1700000000.M20046P2137.mx:2,S", 1700000000, 25, 25, false, 0 },
	{ "1700000000.M2P3.mx,S=4542,W=4642:2,RS", 1700000000, 32, 18, true, 4642 },
	{ "1700000000.M2P3.mx,W=4642", 1700000000, 25, 18, true, 4642 },
	{ "1700000000.M2P3.mx,S=4542", 1700000000, 25, 18, false, 0 },
	{ "1700000000.Vfe01I5M1.mx,U=7,S=1", 1700000000, 31, 27, false, 0 },
	{ "1700000000.M2P3.mx,S=,W=1x:2,", 1700000000, 26, 26, false, 0 },
	{ "1700000000.M2P3.mx,W=99999999999999999999", 1700000000, 41, 41, false, 0 },
	{ "letter", 0, 6, 6, false, 0 },
	{ ":2,S", 0, 0, 0, false, 0 },
	{ ",W=5", 0, 4, 0, true, 5 },
	{ "99999999999999999999.x", 0, 22, 22, false, 0 },
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct maildir_name parsed;

		maildir_name_parse(&parsed, cases[i].name);
		assert_int_equal(parsed.time, cases[i].time);
		assert_int_equal(parsed.base_size, cases[i].base_size);
		assert_int_equal(parsed.unique_size, cases[i].unique_size);
		assert_int_equal(parsed.has_wire_size, cases[i].has_wire_size);
		assert_int_equal(parsed.wire_size, cases[i].wire_size);
	}
}

static void
test_uidl(void **state)
{
	char seventy_one[72], uidl[UIDL_SIZE], other[UIDL_SIZE];

	(void)state;
	memset(seventy_one, 'a', 71);
	seventy_one[71] = '\0';
	assert_true(maildir_name_is_uidl("1700000000.M1P2.mx", 18));
	assert_true(maildir_name_is_uidl(seventy_one, 70));
	assert_false(maildir_name_is_uidl(seventy_one, 71));
	assert_false(maildir_name_is_uidl("", 0));
	assert_false(maildir_name_is_uidl("a b", 3));
	assert_false(maildir_name_is_uidl("a\xc3\xa4", 3));
	assert_false(maildir_name_is_uidl("a\x7f", 2));
	maildir_name_digest("a b", 3, 0, uidl);
	assert_int_equal(strlen(uidl), 64);
	assert_true(maildir_name_is_uidl(uidl, strlen(uidl)));
	maildir_name_digest("a b", 3, 1, other);
	assert_string_not_equal(uidl, other);
	maildir_name_digest("a b", 3, 0, other);
	assert_string_equal(uidl, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_uidl) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
