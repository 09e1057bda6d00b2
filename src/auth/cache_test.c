/* What was right is remembered for its time, and nothing else is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/cache.h"

static struct digest_key cache_key;

static void
test_what_is_remembered(void **state)
{
	struct cache cache = { 0 };
	struct error error;

	(void)state;
	assert_int_equal(cache_configure(&cache, &cache_key, 60, 10, &error), 0);
	assert_false(cache_has(&cache, "anna", "secret", 1000));
	cache_add(&cache, "anna", "secret", 1000);
	assert_true(cache_has(&cache, "anna", "secret", 1000));
	assert_true(cache_has(&cache, "anna", "secret", 60999));
	assert_false(cache_has(&cache, "anna", "Secret", 1000));
	assert_false(cache_has(&cache, "anna", "", 1000));
	assert_false(cache_has(&cache, "bert", "secret", 1000));
	assert_false(cache_has(&cache, "annas", "ecret", 1000));
	assert_false(cache_has(&cache, "", "annasecret", 1000));
	assert_false(cache_has(&cache, "anna", "secret", 61000));
	assert_false(cache_has(&cache, "anna", "secret", 1000));	/* gone for good */

	cache_add(&cache, "anna", "secret", 1000);
	cache_clear(&cache);
	assert_false(cache_has(&cache, "anna", "secret", 1000));
	cache_close(&cache);
}

static void
test_it_is_bounded(void **state)
{
	struct cache cache = { 0 };
	struct error error;
	unsigned left = 0;
	char user[32];

	(void)state;
	assert_int_equal(cache_configure(&cache, &cache_key, 60, 10, &error), 0);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		cache_add(&cache, user, "secret", 0);
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		left += cache_has(&cache, user, "secret", 0);
	}
	assert_int_equal(left, 10);
	cache_close(&cache);
}

static void
test_configuration(void **state)
{
	struct cache cache = { 0 };
	struct error error;

	(void)state;
	cache_clear(&cache);
	cache_add(&cache, "anna", "secret", 0);
	assert_false(cache_has(&cache, "anna", "secret", 0));

	/* Off by either. */
	assert_int_equal(cache_configure(&cache, &cache_key, 0, 10, &error), 0);
	cache_add(&cache, "anna", "secret", 0);
	assert_false(cache_has(&cache, "anna", "secret", 0));
	assert_int_equal(cache_configure(&cache, &cache_key, 10, 0, &error), 0);
	cache_add(&cache, "anna", "secret", 0);
	assert_false(cache_has(&cache, "anna", "secret", 0));

	/* A reload that changes nothing keeps what there is; a shorter life does not. */
	assert_int_equal(cache_configure(&cache, &cache_key, 10, 10, &error), 0);
	cache_add(&cache, "anna", "secret", 0);
	assert_int_equal(cache_configure(&cache, &cache_key, 10, 10, &error), 0);
	assert_true(cache_has(&cache, "anna", "secret", 0));
	assert_int_equal(cache_configure(&cache, &cache_key, 5, 10, &error), 0);
	assert_false(cache_has(&cache, "anna", "secret", 0));
	cache_close(&cache);
}

/* Not in any form that somebody who reads the memory could use. */
static void
test_no_password_is_kept(void **state)
{
	static const char password[] = "correct horse battery staple";
	struct cache cache = { 0 };
	struct error error;

	(void)state;
	assert_int_equal(cache_configure(&cache, &cache_key, 10, 10, &error), 0);
	cache_add(&cache, "anna", password, 0);
	assert_null(memmem(cache.rows.rows, cache.rows.row_size * 10, password, 8));
	cache_close(&cache);
}

static int
set_up(void **state)
{
	struct error error;

	(void)state;
	return digest_key_make(&cache_key, &error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_remembered),
		cmocka_unit_test(test_it_is_bounded),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_no_password_is_kept),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
