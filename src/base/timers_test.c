/* The earliest comes first, whatever was set, moved or cleared. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/timers.h"

enum { COUNT = 1000 };

static struct timers timers;
static struct timer all[COUNT];
static uint64_t last;
static size_t expired_count;

static void
expired(struct timer *timer)
{
	assert_false(timer_is_set(timer));
	assert_true(timer->at >= last);
	last = timer->at;
	assert_int_not_equal((timer - all) % 5, 0);
	expired_count++;
}

static unsigned
random_number(unsigned below)
{
	static unsigned random = 1;

	random = random * 1103515245 + 12345;
	return (random >> 8) % below;
}

static void
test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		all[i].expired = expired;
		timer_set(&timers, &all[i], random_number(500));
	}
	for (size_t i = 0; i < COUNT; i += 3)
		timer_set(&timers, &all[i], random_number(500));
	for (size_t i = 0; i < COUNT; i += 5) {
		timer_clear(&timers, &all[i]);
		timer_clear(&timers, &all[i]);
	}
	/* In three parts, so that some are moved while others have gone. */
	timers_expire(&timers, 100);
	assert_true(last <= 100);
	for (size_t i = 1; i < COUNT; i += 5)
		if (timer_is_set(&all[i]))
			timer_set(&timers, &all[i], 101 + random_number(500));
	timers_expire(&timers, 300);
	assert_true(last > 100 && last <= 300);
	assert_true(expired_count < COUNT - COUNT / 5);
	timers_expire(&timers, 601);
	assert_int_equal(expired_count, COUNT - COUNT / 5);
	assert_null(timers.first);
}

/* What becomes of one timer when another expires; 0: nothing. */
struct deed {
	struct timer timer, *other;
	uint64_t set_at;
	unsigned count;
};

static void
do_deed(struct timer *timer)
{
	struct deed *deed = timer->owner;

	deed->count++;
	if (deed->other != NULL && deed->set_at != 0)
		timer_set(&timers, deed->other, deed->set_at);
	else if (deed->other != NULL)
		timer_clear(&timers, deed->other);
}

static void
test_changes_while_they_expire(void **state)
{
	static const struct {
		const char *name;
		size_t other;       /* what the first touches, ... */
		uint64_t set_at;    /* ... 0: clears */
		unsigned counts[3]; /* at 15; there are timers of 10, 11 and 20 */
	} rows[] = {
		{ "one that is due is cleared", 1, 0, { 1, 0, 0 } },
		{ "one that is due is put off", 1, 16, { 1, 0, 0 } },
		{ "one that is not due becomes so", 2, 15, { 1, 1, 1 } },
		{ "itself, for later", 0, 16, { 1, 1, 0 } },
		{ "itself is not set any more", 0, 0, { 1, 1, 0 } },
	};
	static const uint64_t times[] = { 10, 11, 20 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct deed deeds[3];

		print_message("%s\n", rows[i].name);
		memset(deeds, 0, sizeof(deeds));
		for (size_t j = 0; j < 3; j++) {
			deeds[j].timer = (struct timer){ .expired = do_deed, .owner = &deeds[j] };
			timer_set(&timers, &deeds[j].timer, times[j]);
		}
		deeds[0].other = &deeds[rows[i].other].timer;
		deeds[0].set_at = rows[i].set_at;
		timers_expire(&timers, 15);
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(deeds[j].count, rows[i].counts[j]);
		for (size_t j = 0; j < 3; j++)
			timer_clear(&timers, &deeds[j].timer);
		assert_null(timers.first);
	}
}

static void
test_timeouts(void **state)
{
	static const struct {
		uint64_t at, now;
		int milliseconds;
	} rows[] = {
		{ 100, 5, 95 },
		{ 100, 99, 1 },
		{ 100, 100, 0 },
		{ 100, 101, 0 },
		{ TIMER_NEVER, 0, INT32_MAX },
	};
	struct timer one = { 0 };

	(void)state;
	assert_int_equal(timers_timeout(&timers, 5), -1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		timer_set(&timers, &one, rows[i].at);
		assert_int_equal(timers_timeout(&timers, rows[i].now), rows[i].milliseconds);
	}
	timer_clear(&timers, &one);
	assert_int_equal(timers_timeout(&timers, 5), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_changes_while_they_expire),
		cmocka_unit_test(test_timeouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
