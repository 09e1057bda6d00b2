/* Each result has a status of its own choice, and what fails is never called a success. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>
#include <cmocka.h>

#include "fetch/outcome.h"

static void
test_only_success_is_zero(void **state)
{
	(void)state;
	for (enum restante_result result = RESTANTE_OK; result < RESTANTE_RESULT_COUNT; result++)
		assert_int_equal(outcome_of_result(result) == EX_OK, result == RESTANTE_OK);
	for (enum error_kind kind = ERROR_NONE; kind < ERROR_KIND_COUNT; kind++)
		assert_int_equal(outcome_of_error(kind) == EX_OK, kind == ERROR_NONE);
	assert_int_equal(outcome_of_result(RESTANTE_RESULT_COUNT), EX_SOFTWARE);
	assert_int_equal(outcome_of_error(ERROR_KIND_COUNT), EX_SOFTWARE);
}

static void
test_statuses_that_the_manual_names(void **state)
{
	static const struct {
		enum restante_result result;
		int status;
	} rows[] = {
		{ RESTANTE_UNKNOWN_HOST, EX_NOHOST },
		{ RESTANTE_UNREACHABLE, EX_TEMPFAIL },
		{ RESTANTE_TIMED_OUT, EX_TEMPFAIL },
		{ RESTANTE_CLOSED, EX_TEMPFAIL },
		{ RESTANTE_BROKEN, EX_PROTOCOL },
		{ RESTANTE_UNTRUSTED, EX_UNAVAILABLE },
		{ RESTANTE_DENIED, EX_NOPERM },
		{ RESTANTE_IN_USE, EX_TEMPFAIL },
		{ RESTANTE_LOGIN_DELAY, EX_TEMPFAIL },
		{ RESTANTE_NEEDS_UTF8, EX_CONFIG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(outcome_of_result(rows[i].result), rows[i].status);
	assert_int_equal(outcome_of_error(ERROR_BUSY), EX_TEMPFAIL);
	assert_int_equal(outcome_of_error(ERROR_FULL), EX_TEMPFAIL);
	assert_int_equal(outcome_of_error(ERROR_DENIED), EX_NOPERM);
	assert_int_equal(outcome_of_error(ERROR_PERMANENT), EX_CONFIG);
}

static void
test_what_may_pass(void **state)
{
	(void)state;
	assert_true(outcome_may_pass(RESTANTE_CLOSED));
	assert_true(outcome_may_pass(RESTANTE_IN_USE));
	/* To try a wrong password again is to guess, and to log in too early again is to be told so again. */
	assert_false(outcome_may_pass(RESTANTE_DENIED));
	assert_false(outcome_may_pass(RESTANTE_LOGIN_DELAY));
	assert_false(outcome_may_pass(RESTANTE_UNTRUSTED));
	assert_false(outcome_may_pass(RESTANTE_OK));
	for (enum restante_result result = RESTANTE_OK; result < RESTANTE_RESULT_COUNT; result++)
		if (outcome_may_pass(result))
			assert_int_equal(outcome_of_result(result), EX_TEMPFAIL);
}

static void
test_worse(void **state)
{
	static const struct {
		int first, second, worse;
	} rows[] = {
		{ EX_OK, EX_OK, EX_OK },
		{ EX_OK, EX_TEMPFAIL, EX_TEMPFAIL },
		{ EX_TEMPFAIL, EX_OK, EX_TEMPFAIL },
		{ EX_NOPERM, EX_OK, EX_NOPERM },
		{ EX_TEMPFAIL, EX_NOPERM, EX_NOPERM },
		{ EX_NOPERM, EX_TEMPFAIL, EX_NOPERM },
		{ EX_NOHOST, EX_NOPERM, EX_NOHOST },
		{ EX_TEMPFAIL, EX_TEMPFAIL, EX_TEMPFAIL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(outcome_worse(rows[i].first, rows[i].second), rows[i].worse);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_success_is_zero),
		cmocka_unit_test(test_statuses_that_the_manual_names),
		cmocka_unit_test(test_what_may_pass),
		cmocka_unit_test(test_worse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
