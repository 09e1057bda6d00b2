/* The rules as tables. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/policy.h"

#define NOW 1700000000
#define DAY 86400

static const struct {
	const char *about;
	struct policy policy;
	struct policy_message message;
	enum policy_step step;
} steps[] = {
	{ "a new one", { .keep = KEEP_ALL }, { .octets = 5 }, POLICY_FETCH },
	{ "a new one whatever is kept", { .keep = KEEP_NONE }, { .octets = 5 }, POLICY_FETCH },
	{ "a new one that is not among the newest", { .keep = KEEP_NEWEST, .keep_number = 1 },
	    { .newer_count = 9 }, POLICY_FETCH },
	{ "stored, all kept", { .keep = KEEP_ALL }, { .is_stored = true, .stored_time = 1 }, POLICY_LEAVE },
	{ "stored, none kept", { .keep = KEEP_NONE }, { .is_stored = true, .stored_time = 1 }, POLICY_DELETE },
	{ "younger than its days", { .keep = KEEP_DAYS, .keep_number = 2 },
	    { .is_stored = true, .stored_time = NOW - 2 * DAY + 1 }, POLICY_LEAVE },
	{ "as old as its days", { .keep = KEEP_DAYS, .keep_number = 2 },
	    { .is_stored = true, .stored_time = NOW - 2 * DAY }, POLICY_DELETE },
	{ "no days", { .keep = KEEP_DAYS, .keep_number = 0 }, { .is_stored = true, .stored_time = NOW },
	    POLICY_DELETE },
	{ "more days than there are", { .keep = KEEP_DAYS, .keep_number = UINT64_MAX },
	    { .is_stored = true, .stored_time = 1 }, POLICY_LEAVE },
	{ "stored in the future", { .keep = KEEP_DAYS, .keep_number = 0 },
	    { .is_stored = true, .stored_time = NOW + 1 }, POLICY_LEAVE },
	{ "stored nobody knows when", { .keep = KEEP_DAYS, .keep_number = 2 }, { .is_stored = true },
	    POLICY_LEAVE },
	{ "among the newest", { .keep = KEEP_NEWEST, .keep_number = 3 },
	    { .is_stored = true, .newer_count = 2 }, POLICY_LEAVE },
	{ "behind the newest", { .keep = KEEP_NEWEST, .keep_number = 3 },
	    { .is_stored = true, .newer_count = 3 }, POLICY_DELETE },
	{ "skipped, none kept", { .keep = KEEP_NONE }, { .is_skipped = true }, POLICY_LEAVE },
	{ "skipped and stored", { .keep = KEEP_NONE }, { .is_skipped = true, .is_stored = true },
	    POLICY_LEAVE },
	{ "as big as may be", { .size_max = 5 }, { .octets = 5 }, POLICY_FETCH },
	{ "too big", { .size_max = 5 }, { .octets = 6 }, POLICY_TOO_BIG },
	{ "of unknown size", { .size_max = 5 }, { .octets = 0 }, POLICY_FETCH },
	{ "stored, and too big by now", { .size_max = 5, .keep = KEEP_NONE },
	    { .octets = 6, .is_stored = true }, POLICY_DELETE },
	{ "with a filter", { .has_filter = true }, { .octets = 5 }, POLICY_ASK },
	{ "too big for the filter", { .has_filter = true, .size_max = 5 }, { .octets = 6 }, POLICY_TOO_BIG },
	{ "stored, with a filter", { .has_filter = true }, { .is_stored = true }, POLICY_LEAVE },
	{ "stored, again", { .is_refetch = true, .keep = KEEP_NONE }, { .is_stored = true }, POLICY_FETCH },
	{ "skipped, again", { .is_refetch = true, .has_filter = true }, { .is_skipped = true }, POLICY_ASK },
};

static void
test_steps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct policy policy = steps[i].policy;

		policy.now = NOW;
		if (policy_step(&policy, &steps[i].message) != steps[i].step)
			fail_msg("%s: %d", steps[i].about, policy_step(&policy, &steps[i].message));
	}
}

static const struct {
	bool is_refetch;
	size_t listed, known, expected, pending;
	bool is_strange;
} lists[] = {
	{ false, 3, 0, 2, 0, true },
	{ false, 3, 0, 0, 1, true },
	{ false, 3, 0, 0, 0, false }, /* the first run, or everything was deleted */
	{ false, 3, 1, 2, 0, false }, /* one is known: the others are new */
	{ false, 0, 0, 2, 0, false }, /* an empty maildrop */
	{ true, 3, 0, 2, 0, false },
};

static void
test_strange_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		const struct policy policy = { .is_refetch = lists[i].is_refetch };

		if (policy_is_strange(&policy, lists[i].listed, lists[i].known, lists[i].expected,
			lists[i].pending) != lists[i].is_strange)
			fail_msg("row %zu", i);
	}
	assert_true(policy_goes_on(1, 5));
	assert_false(policy_goes_on(0, 5));
	assert_true(policy_goes_on(0, 0));
}

static const struct {
	int64_t last, delay, now, wait;
} logins[] = {
	{ 0, 600, NOW, 0 },
	{ NOW - 100, 600, NOW, 500 },
	{ NOW - 600, 600, NOW, 0 },
	{ NOW, 600, NOW, 600 },
	{ NOW + 1, 600, NOW, 0 },
	{ NOW - 100, 0, NOW, 0 },
	{ NOW - 100, -1, NOW, 0 },
	{ 1, INT64_MAX, NOW, INT64_MAX - NOW + 1 },
};

static void
test_login_delay(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(logins) / sizeof(*logins); i++)
		assert_int_equal(
		    policy_login_wait(logins[i].last, logins[i].delay, logins[i].now), logins[i].wait);
}

static const struct {
	enum account_keep keep;
	uint64_t number;
	long days;
	const char *word; /* NULL: silence */
} expiries[] = {
	{ KEEP_ALL, 0, -1, NULL },
	{ KEEP_ALL, 0, 0, "EXPIRE 0" },
	{ KEEP_DAYS, 3, 0, "EXPIRE 0" },
	{ KEEP_NONE, 0, 0, NULL },
	{ KEEP_ALL, 0, 30, "30 days" },
	{ KEEP_NEWEST, 5, 1, "1 day " },
	{ KEEP_DAYS, 31, 30, "30 days" },
	{ KEEP_DAYS, 30, 30, NULL },
	{ KEEP_NONE, 0, 30, NULL },
};

static void
test_expire(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expiries) / sizeof(*expiries); i++) {
		const struct policy policy = { .keep = expiries[i].keep, .keep_number = expiries[i].number };
		char text[200];
		const char *note = policy_expire_note(&policy, expiries[i].days, text, sizeof(text));

		if (expiries[i].word == NULL)
			assert_null(note);
		else if (note == NULL || strstr(note, expiries[i].word) == NULL)
			fail_msg("row %zu: %s", i, note != NULL ? note : "silence");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_strange_lists),
		cmocka_unit_test(test_login_delay),
		cmocka_unit_test(test_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
