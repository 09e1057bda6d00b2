/* Intervals, back-off and jitter, without a clock. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fetch/schedule.h"

static const struct {
	uint64_t interval;
	unsigned failures;
	uint64_t least;
	uint32_t chance;
	uint64_t milliseconds;
} rows[] = {
	{ 60, 0, 0, 0, 54000 },
	{ 60, 0, 0, UINT32_MAX, 66000 },
	{ 60, 0, 0, UINT32_MAX / 2, 59999 },
	{ 60, 1, 0, 0, 108000 },
	{ 60, 3, 0, 0, 432000 },
	{ 60, 6, 0, 0, 3240000 },
	{ 60, UINT32_MAX, 0, UINT32_MAX, 3960000 },
	{ 7200, 0, 0, 0, 6480000 },
	{ 7200, 5, 0, 0, 6480000 }, /* longer than the longest back-off */
	{ 60, 0, 600, 0, 600000 },
	{ 60, 0, 600, UINT32_MAX, 600000 },
	{ 60, 0, 60, 0, 60000 }, /* jitter does not go below what the server wants */
	{ 1, 0, 0, 0, 900 },
	{ 31536000, 0, 0, UINT32_MAX, 34689600000 },
};

static void
test_watch(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(
		    schedule_watch(rows[i].interval, rows[i].failures, rows[i].least, rows[i].chance),
		    rows[i].milliseconds);
}

static void
test_retry(void **state)
{
	(void)state;
	assert_int_equal(schedule_retry(0, 0), 450);
	assert_int_equal(schedule_retry(0, UINT32_MAX), 550);
	assert_int_equal(schedule_retry(2, 0), 1800);
	assert_int_equal(schedule_retry(UINT32_MAX, 0), 27000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
