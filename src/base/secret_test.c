/* Comparing and wiping. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/secret.h"

static void
test_equal(void **state)
{
	(void)state;
	assert_true(secret_equal("abc", "abc", 3));
	assert_true(secret_equal("", "x", 0));
	assert_false(secret_equal("abc", "abd", 3));
	assert_false(secret_equal("xbc", "abc", 3));
}

static void
test_wipe(void **state)
{
	char password[] = "secret";

	(void)state;
	secret_wipe(password, sizeof(password));
	for (size_t i = 0; i < sizeof(password); i++)
		assert_int_equal(password[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_equal), cmocka_unit_test(test_wipe) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
