/* Whatever the sizes, the sink gets every octet once and in order; a failure is final. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/writer.h"

struct record {
	char text[100];
	size_t used;
	int calls, fail_at;
	const struct writer *writer;	/* NULL: do not look at it */
	bool more[10];			/* by call, from 1 */
};

static int
record_sink(void *context, const char *data, size_t size)
{
	struct record *record = context;

	if (++record->calls == record->fail_at)
		return -1;
	if (record->writer != NULL)
		record->more[record->calls] = record->writer->more;
	memcpy(record->text + record->used, data, size);
	record->used += size;
	return 0;
}

static void
test_order(void **state)
{
	(void)state;
	for (size_t size = 1; size < 20; size++) {
		struct record record = { .fail_at = 0 };
		char buffer[20];
		struct writer w;

		writer_init(&w, buffer, size, record_sink, &record);
		assert_true(writer_text(&w, "abc"));
		assert_true(writer_printf(&w, "%d-%s", 42, "defghijkl"));
		assert_true(writer_put(&w, "", 0));
		assert_true(writer_flush(&w));
		assert_int_equal(record.used, 15);
		assert_memory_equal(record.text, "abc42-defghijkl", 15);
	}
}

static void
test_failure_is_final(void **state)
{
	struct record record = { .fail_at = 2 };
	char buffer[4];
	struct writer w;

	(void)state;
	writer_init(&w, buffer, sizeof(buffer), record_sink, &record);
	assert_false(writer_text(&w, "abcdefghijkl"));
	assert_false(writer_text(&w, "m"));
	assert_false(writer_flush(&w));
	assert_int_equal(record.calls, 2);
	assert_int_equal(record.used, 4);
}

/* A full buffer is handed on because there is more; what is flushed is all. */
static void
test_the_sink_knows_whether_there_is_more(void **state)
{
	struct record record = { .fail_at = 0 };
	char buffer[4];
	struct writer w;

	(void)state;
	writer_init(&w, buffer, sizeof(buffer), record_sink, &record);
	record.writer = &w;
	assert_true(writer_text(&w, "abcdef"));
	assert_true(writer_flush(&w));
	assert_true(writer_text(&w, "g"));
	assert_true(writer_pass(&w));
	assert_int_equal(record.calls, 3);
	assert_true(record.more[1]);
	assert_false(record.more[2]);
	assert_true(record.more[3]);
	assert_false(w.more);
}

static void
test_without_sink_the_buffer_is_all(void **state)
{
	char buffer[4];
	struct writer w;

	(void)state;
	writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
	assert_true(writer_text(&w, "abcd"));
	assert_false(writer_text(&w, "e"));
	assert_true(w.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_failure_is_final),
		cmocka_unit_test(test_the_sink_knows_whether_there_is_more),
		cmocka_unit_test(test_without_sink_the_buffer_is_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
