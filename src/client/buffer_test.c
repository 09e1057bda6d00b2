/* Octets on their way: in order, and wiped behind them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/buffer.h"

static bool
is_wiped(const struct buffer *buffer)
{
	for (size_t i = 0; i < buffer->size; i++)
		if ((i < buffer->begin || i >= buffer->end) && buffer->octets[i] != '\0')
			return false;
	return true;
}

static void
test_what_was_taken_is_wiped(void **state)
{
	struct buffer buffer = { 0 };

	(void)state;
	assert_true(buffer_reserve(&buffer, 16));
	memset(buffer.octets, 0, buffer.size);
	assert_true(buffer_put(&buffer, "PASS secret\r\nSTAT\r\n", 19));
	buffer_take(&buffer, 13);
	assert_true(is_wiped(&buffer));
	assert_int_equal(buffer_used(&buffer), 6);
	/* Packed, what stood behind is wiped, too. */
	assert_true(buffer_reserve(&buffer, buffer.size - 6));
	assert_int_equal(buffer.begin, 0);
	assert_true(is_wiped(&buffer));
	assert_memory_equal(buffer.octets, "STAT\r\n", 6);
	buffer_take(&buffer, 6);
	assert_true(is_wiped(&buffer));
	buffer_free(&buffer);
}

static void
test_it_grows(void **state)
{
	struct buffer buffer = { 0 };

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		assert_true(buffer_put(&buffer, &i, sizeof(i)));
	for (unsigned i = 0; i < 5000; i++) {
		assert_memory_equal(buffer.octets + buffer.begin, &i, sizeof(i));
		buffer_take(&buffer, sizeof(i));
	}
	assert_int_equal(buffer_used(&buffer), 0);
	buffer_free(&buffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_taken_is_wiped),
		cmocka_unit_test(test_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
