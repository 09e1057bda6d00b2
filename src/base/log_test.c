/* A stranger's text cannot forge a field or a line. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

static void
test_values_are_escaped(void **state)
{
	static const struct {
		const char *value, *line;
	} cases[] = {
		{ "anna", "login user=anna" },
		{ "", "login user=\"\"" },
		{ "a b", "login user=\"a b\"" },
		{ "a\r\nlogin user=root", "login user=\"a\\x0d\\x0alogin user=root\"" },
		{ "a\"b\\c", "login user=\"a\\x22b\\x5cc\"" },
		{ "\xc3\xa4", "login user=\"\\xc3\\xa4\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[200];
		const struct log_field fields[] = { LOG_TEXT("user", cases[i].value), { .key = NULL } };

		log_format(line, sizeof(line), "login", fields);
		assert_string_equal(line, cases[i].line);
	}
}

static void
test_numbers_and_sessions(void **state)
{
	const struct log_field fields[] = { LOG_SESSION(0xabcdefULL), LOG_NUMBER("count", 12),
		{ .key = NULL } };
	char line[200];

	(void)state;
	log_format(line, sizeof(line), "end", fields);
	assert_string_equal(line, "end session=abcdef count=12");
}

static void
test_a_long_line_is_cut(void **state)
{
	char value[2000], line[64];
	const struct log_field fields[] = { LOG_TEXT("k", value), { .key = NULL } };

	(void)state;
	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(log_format(line, sizeof(line), "e", fields), sizeof(line) - 1);
	assert_int_equal(strlen(line), sizeof(line) - 1);
}

static void
test_forms_and_levels(void **state)
{
	char text[2 * LOG_LINE_SIZE];
	int ends[2];
	ssize_t size;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	log_open("restante-test", ends[1], LOG_FORM_SYSLOG, LOG_LEVEL_INFO);
	errno = EPERM;
	LOG(LOG_LEVEL_INFO, "hello", LOG_NUMBER("n", 1));
	LOG(LOG_LEVEL_DEBUG, "unseen");
	assert_int_equal(errno, EPERM);
	size = read(ends[0], text, sizeof(text) - 1);
	assert_true(size > 0);
	text[size] = '\0';
	assert_memory_equal(text, "<22>restante-test[", 18);
	assert_non_null(strstr(text, "]: hello n=1"));
	assert_null(strchr(text, '\n'));
	log_open("restante", 2, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	close(ends[0]);
	close(ends[1]);
}

/* What the pipe holds now. */
static size_t
pipe_read(int end, char *text, size_t size)
{
	ssize_t n = read(end, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void
test_lines_that_wait(void **state)
{
	char text[3 * LOG_LINE_SIZE], value[LOG_LINE_SIZE / 2];
	int ends[2];
	size_t size = 0;

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	log_open("t", ends[1], LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	log_gather();
	LOG(LOG_LEVEL_INFO, "one");
	LOG(LOG_LEVEL_INFO, "two");
	assert_int_equal(pipe_read(ends[0], text, sizeof(text)), 0);
	log_flush();
	assert_true(pipe_read(ends[0], text, sizeof(text)) > 0);
	assert_true(strstr(text, ": one\n") != NULL && strstr(text, ": two\n") != NULL);
	assert_true(strstr(text, ": one\n") < strstr(text, ": two\n"));
	/* What is wrong is known at once, and in its place. */
	LOG(LOG_LEVEL_INFO, "three");
	LOG(LOG_LEVEL_WARNING, "four");
	assert_true(pipe_read(ends[0], text, sizeof(text)) > 0);
	assert_true(strstr(text, ": three\n") < strstr(text, ": four\n"));
	/* None is lost where there are many. */
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; i < 20; i++)
		LOG(LOG_LEVEL_INFO, "much", LOG_TEXT("value", value));
	log_flush();
	for (size_t n; (n = pipe_read(ends[0], text, sizeof(text))) > 0;)
		size += n;
	assert_true(size > 20 * sizeof(value));
	log_open("restante", 2, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	close(ends[0]);
	close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_escaped),
		cmocka_unit_test(test_numbers_and_sessions),
		cmocka_unit_test(test_a_long_line_is_cut),
		cmocka_unit_test(test_forms_and_levels),
		cmocka_unit_test(test_lines_that_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
