/* What is dearer than what: only the order counts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "users/cost.h"

static void
test_order(void **state)
{
	/* From cheap to dear, as measured. */
	static const char *const hashes[] = {
		"",
		"$1$K8PmNX.I$",
		"$6$26JEjJ0er2Ui3y9C$",
		"$5$w1jdLz1ftnKg37CC$",
		"$2y$05$VFfnfSJGHDbVTFlypSadhO",
		"$y$j7T$kleM0tqa3HPjFQ25TDOE4.$",
		"$y$j9T$CUHQ5qHJicPNQcRnjUE0J.$",
		"$6$rounds=100000$7nT8MvYGi4dlSL.C$",
		"$2b$10$aQH3EEzYR0iQplxVjvNml.",
		"$y$jBT$d.LVOAPe2mJNmVlAoGX0v0$",
		"$7$CU..../....U.atLAemuElC9UZ55Q5W8.$",
		"$y$jDT$qpilGnZOgXZZBPHCMYhDE1$",
	};

	(void)state;
	for (size_t i = 1; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		print_message("%s\n", hashes[i]);
		assert_true(cost_microseconds(hashes[i]) > cost_microseconds(hashes[i - 1]));
	}
}

static void
test_nonsense_is_survived(void **state)
{
	static const char *const hashes[] = { "$y$", "$y$j", "$y$jzz", "$2y$99$", "$2", "$7$", "$7$z",
		"$6$rounds=", "$6$rounds=99999999999999999999$", "\xff" };

	(void)state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		(void)cost_microseconds(hashes[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_nonsense_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
