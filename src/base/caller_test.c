/* Who runs the program. That any thread may ask is held by tests/tone.sh: a race does not show often enough. */

#include "base/caller.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_caller(void **state)
{
	const struct passwd *entry = getpwuid(getuid());
	char told[4096] = "before";

	(void)state;
	if (entry == NULL) {
		assert_false(caller_name(told, sizeof(told)));
		assert_string_equal(told, "");
		return;
	}
	assert_true(caller_name(told, sizeof(told)));
	assert_string_equal(told, entry->pw_name);
	assert_true(caller_home(told, sizeof(told)));
	assert_string_equal(told, entry->pw_dir);
	assert_true(caller_name(told, strlen(entry->pw_name) + 1));
	assert_false(caller_name(told, strlen(entry->pw_name)));
	assert_string_equal(told, "");
	assert_false(caller_home(told, strlen(entry->pw_dir)));
	assert_string_equal(told, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_caller) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
