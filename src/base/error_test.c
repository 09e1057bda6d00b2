/* Errors keep their kind, name errno, and never overflow. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"

static void
test_set(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(error_set(&error, ERROR_BUSY, "maildrop %d", 7), -1);
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_string_equal(error.text, "maildrop 7");
}

static void
test_errno(void **state)
{
	struct error error;

	(void)state;
	errno = ENOSPC;
	assert_int_equal(error_errno(&error, ERROR_TEMPORARY, "write %s", "x"), -1);
	assert_string_equal(error.text, "write x: No space left on device");
}

static void
test_long_text_is_cut(void **state)
{
	struct error error;
	char text[1000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	errno = EIO;
	error_errno(&error, ERROR_TEMPORARY, "%s", text);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

static void
test_every_kind_has_a_name(void **state)
{
	(void)state;
	for (int kind = 0; kind < ERROR_KIND_COUNT; kind++)
		assert_non_null(error_kind_name((enum error_kind)kind));
	assert_string_equal(error_kind_name((enum error_kind)99), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_every_kind_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
