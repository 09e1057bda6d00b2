/* The table finds what it was given, and forgets what was not used for the longest time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/lru.h"

static struct digest
key(unsigned number)
{
	struct digest digest = { { 0 } };

	/* All in a few buckets, so that the chains are used. */
	digest.octets[0] = (uint8_t)(number & 3);
	memcpy(&digest.octets[8], &number, sizeof(number));
	return digest;
}

static unsigned *
find(struct lru *lru, unsigned number)
{
	struct digest digest = key(number);

	return lru_find(lru, &digest);
}

static void
add(struct lru *lru, unsigned number)
{
	struct digest digest = key(number);
	unsigned *value = lru_add(lru, &digest);

	assert_int_equal(*value, 0);
	*value = number;
}

static void
drop(struct lru *lru, unsigned number)
{
	struct digest digest = key(number);

	lru_remove(lru, &digest);
}

static void
test_the_oldest_makes_room(void **state)
{
	struct error error;
	struct lru lru;

	(void)state;
	assert_int_equal(lru_open(&lru, 3, sizeof(unsigned), &error), 0);
	assert_null(find(&lru, 1));
	add(&lru, 1);
	add(&lru, 2);
	add(&lru, 3);
	assert_int_equal(*find(&lru, 1), 1);	/* used: 2 is the oldest now */
	add(&lru, 4);
	assert_null(find(&lru, 2));
	assert_int_equal(*find(&lru, 1), 1);
	assert_int_equal(*find(&lru, 3), 3);
	assert_int_equal(*find(&lru, 4), 4);
	lru_close(&lru);
	lru_close(&lru);
}

static void
test_adding_twice_is_finding(void **state)
{
	struct digest digest = key(7);
	struct error error;
	struct lru lru;

	(void)state;
	assert_int_equal(lru_open(&lru, 1, sizeof(unsigned), &error), 0);
	add(&lru, 7);
	assert_int_equal(*(unsigned *)lru_add(&lru, &digest), 7);
	add(&lru, 8);
	assert_null(find(&lru, 7));
	lru_close(&lru);
}

static void
test_removed_rows_are_used_again(void **state)
{
	struct error error;
	struct lru lru;

	(void)state;
	assert_int_equal(lru_open(&lru, 4, sizeof(unsigned), &error), 0);
	for (unsigned i = 0; i < 4; i++)
		add(&lru, i + 1);
	drop(&lru, 2);
	drop(&lru, 4);
	drop(&lru, 99);
	assert_null(find(&lru, 2));
	add(&lru, 5);
	add(&lru, 6);
	/* Nobody had to go for these two. */
	assert_int_equal(*find(&lru, 1), 1);
	assert_int_equal(*find(&lru, 3), 3);
	add(&lru, 7);
	assert_null(find(&lru, 5));
	lru_clear(&lru);
	for (unsigned i = 1; i < 8; i++)
		assert_null(find(&lru, i));
	add(&lru, 1);
	assert_int_equal(*find(&lru, 1), 1);
	lru_close(&lru);
}

/* Against an order kept in the plainest way. */
static void
test_against_a_plain_list(void **state)
{
	enum { CAPACITY = 16, KEYS = 40, STEPS = 20000 };
	unsigned order[CAPACITY], count = 0, random = 1;
	struct error error;
	struct lru lru;

	(void)state;
	assert_int_equal(lru_open(&lru, CAPACITY, sizeof(unsigned), &error), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned number, at = 0;

		random = random * 1103515245 + 12345;
		number = 1 + (random >> 8) % KEYS;
		while (at < count && order[at] != number)
			at++;
		assert_int_equal(find(&lru, number) != NULL, at < count);
		if (at < count) {
			memmove(&order[at], &order[at + 1], (--count - at) * sizeof(order[0]));
			if ((random >> 20) % 4 == 0) {
				drop(&lru, number);
				continue;
			}
		} else {
			if (count == CAPACITY)
				memmove(order, order + 1, --count * sizeof(order[0]));
			add(&lru, number);
		}
		order[count++] = number;
	}
	lru_close(&lru);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_oldest_makes_room),
		cmocka_unit_test(test_adding_twice_is_finding),
		cmocka_unit_test(test_removed_rows_are_used_again),
		cmocka_unit_test(test_against_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
