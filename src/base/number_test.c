/* What is a number and what is not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/number.h"

static void
test_numbers(void **state)
{
	static const struct {
		const char *text;
		bool valid;
		uint64_t number;
	} cases[] = {
		{ "0", true, 0 },
		{ "1", true, 1 },
		{ "007", true, 7 },
		{ "4294967297", true, 4294967297 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1x", false, 0 },
		{ "0x1", false, 0 },
		{ "1.0", false, 0 },
		{ "\xd9\xa1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t number = 77;

		assert_int_equal(number_parse(cases[i].text, &number), cases[i].valid);
		assert_int_equal(number, cases[i].valid ? cases[i].number : 77);
	}
}

static void
test_numbers_are_written(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 9, 10, 11, 99, 100, 4294967296, 9999999999999999999u,
		10000000000000000000u, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[NUMBER_DIGITS_MAX + 1], expected[NUMBER_DIGITS_MAX + 1];

		*number_put(text, numbers[i]) = '\0';
		snprintf(expected, sizeof(expected), "%" PRIu64, numbers[i]);
		assert_string_equal(text, expected);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_numbers_are_written) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
