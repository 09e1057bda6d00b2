/* Lines of LIST and UIDL, as servers should write them and as they do. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/listing.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* uidl NULL: none is expected. is_wrong: ERROR_PROTOCOL. */
static const struct {
	int (*parse)(struct listing *, char *line, struct error *);
	const char *line;
	uint64_t number, octets;
	const char *uidl;
	bool is_octets_unknown, is_wrong;
} cases[] = {
	{ listing_scan, "1 120", 1, 120, NULL, false, false },
	{ listing_scan, "  2   200  ", 2, 200, NULL, false, false },
	{ listing_scan, "3\t300", 3, 300, NULL, false, false },
	{ listing_scan, "4 400 bboard 7", 4, 400, NULL, false, false },
	{ listing_scan, "18446744073709551615 18446744073709551615", UINT64_MAX, UINT64_MAX, NULL, false, false },
	{ listing_scan, "5 -2147483648", 5, 0, NULL, true, false },
	{ listing_scan, "6 18446744073709551616", 6, 0, NULL, true, false },
	{ listing_scan, "0 120", 0, 0, NULL, false, true },
	{ listing_scan, "-1 120", 0, 0, NULL, false, true },
	{ listing_scan, "18446744073709551616 1", 0, 0, NULL, false, true },
	{ listing_scan, "1", 0, 0, NULL, false, true },
	{ listing_scan, "1 -", 0, 0, NULL, false, true },
	{ listing_scan, "1 12x", 0, 0, NULL, false, true },
	{ listing_scan, "1 +5", 0, 0, NULL, false, true },
	{ listing_scan, "", 0, 0, NULL, false, true },
	{ listing_scan, "one 120", 0, 0, NULL, false, true },
	{ listing_stat, "2 320", 2, 320, NULL, false, false },
	{ listing_stat, "0 0", 0, 0, NULL, false, false },
	{ listing_stat, "2 -320 octets", 2, 0, NULL, true, false },
	{ listing_stat, "two", 0, 0, NULL, false, true },
	{ listing_last, "0", 0, 0, NULL, false, false },
	{ listing_last, "7 messages", 7, 0, NULL, false, false },
	{ listing_last, "", 0, 0, NULL, false, true },
	{ listing_uidl, "1 whqtswO00WBw418f9t5JxYwZ", 1, 0, "whqtswO00WBw418f9t5JxYwZ", false, false },
	{ listing_uidl, " 2    padded   ", 2, 0, "padded", false, false },
	{ listing_uidl, "3 with a space", 3, 0, "with a space", false, false },
	{ listing_uidl, "4 gr\xc3\xbc\xc3\x9f", 4, 0, "gr\xc3\xbc\xc3\x9f", false, false },
	{ listing_uidl, "5 5", 5, 0, "5", false, false },
	{ listing_uidl, "6", 0, 0, NULL, false, true },
	{ listing_uidl, "6   ", 0, 0, NULL, false, true },
	{ listing_uidl, "0 zero", 0, 0, NULL, false, true },
	{ listing_uidl, "x y", 0, 0, NULL, false, true },
	{ listing_uidl, "7 a\x1b[2Jb", 0, 0, NULL, false, true },
	{ listing_uidl, "7 a\x7f", 0, 0, NULL, false, true },
	{ listing_uidl, "7 a\tb", 0, 0, NULL, false, true },
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct listing listing = { .number = 99 };
		struct error error = { .kind = ERROR_NONE };
		char line[200];
		int result;

		strcpy(line, cases[i].line);
		result = cases[i].parse(&listing, line, &error);
		if ((result < 0) != cases[i].is_wrong)
			fail_msg("%s: %d, %s", cases[i].line, result, error.text);
		if (result < 0) {
			assert_int_equal(error.kind, ERROR_PROTOCOL);
			assert_int_equal(listing.number, 99);
			continue;
		}
		if (listing.number != cases[i].number || listing.octets != cases[i].octets ||
		    listing.is_octets_unknown != cases[i].is_octets_unknown)
			fail_msg("%s: another result", cases[i].line);
		if (cases[i].uidl != NULL)
			assert_string_equal(listing.uidl, cases[i].uidl);
		else
			assert_null(listing.uidl);
	}
}

static void
test_the_longest_identifier(void **state)
{
	char line[LISTING_UIDL_MAX + 10];
	struct listing listing;
	struct error error;

	(void)state;
	for (size_t length = LISTING_UIDL_MAX; length <= LISTING_UIDL_MAX + 1; length++) {
		strcpy(line, "1 ");
		memset(line + 2, 'u', length);
		line[2 + length] = '\0';
		assert_int_equal(listing_uidl(&listing, line, &error), length == LISTING_UIDL_MAX ? 0 : -1);
	}
	assert_int_equal(error.kind, ERROR_PROTOCOL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_the_longest_identifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
