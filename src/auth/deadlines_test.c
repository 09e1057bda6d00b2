/* The earliest comes first, whatever was set, moved or cleared. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/deadlines.h"

static void
test_order(void **state)
{
	enum { COUNT = 1000 };
	static struct deadline all[COUNT];
	struct deadlines deadlines = { 0 };
	unsigned random = 1;
	uint64_t last = 0;
	size_t left = 0;

	(void)state;
	assert_null(deadline_first(&deadlines));
	for (size_t i = 0; i < COUNT; i++) {
		random = random * 1103515245 + 12345;
		assert_true(deadline_set(&deadlines, &all[i], (random >> 8) % 500));
	}
	for (size_t i = 0; i < COUNT; i += 3) {
		random = random * 1103515245 + 12345;
		assert_true(deadline_set(&deadlines, &all[i], (random >> 8) % 500));
	}
	for (size_t i = 0; i < COUNT; i += 5) {
		deadline_clear(&deadlines, &all[i]);
		deadline_clear(&deadlines, &all[i]);
	}
	for (struct deadline *first; (first = deadline_first(&deadlines)) != NULL; left++) {
		assert_true(first->at >= last);
		last = first->at;
		assert_int_not_equal((first - all) % 5, 0);
		deadline_clear(&deadlines, first);
	}
	assert_int_equal(left, COUNT - COUNT / 5);
	deadlines_free(&deadlines);
}

static void
test_timeouts(void **state)
{
	struct deadlines deadlines = { 0 };
	struct deadline one = { 0 };

	(void)state;
	assert_int_equal(deadline_timeout(&deadlines, 5), -1);
	deadline_set(&deadlines, &one, 100);
	assert_int_equal(deadline_timeout(&deadlines, 5), 95);
	assert_int_equal(deadline_timeout(&deadlines, 100), 0);
	assert_int_equal(deadline_timeout(&deadlines, 101), 0);
	deadline_set(&deadlines, &one, UINT64_MAX);
	assert_true(deadline_timeout(&deadlines, 0) > 1000000);
	deadlines_free(&deadlines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_timeouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
