/* How many messages may wait together, for each limit. */

#include "fetch/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static void
test_limits(void **state)
{
	static const struct {
		rlim_t limit;
		unsigned parallel;
		size_t batch;
	} cases[] = {
		{ 1024, 1, 944 },
		{ 1024, 4, 224 },
		{ 1024, 20, 32 },
		{ 1024, 56, 1 },
		{ 1024, 60, 1 },
		{ 1024, 1000, 1 },
		{ 256, 4, 32 },
		{ 64, 1, 1 },
		{ 20, 4, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rlimit limit;

		assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
		limit.rlim_cur = cases[i].limit;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(descriptors_batch(cases[i].parallel), cases[i].batch);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
