/* The line of an account, and what a terminal gets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/progress.h"

static const struct {
	struct progress_numbers numbers; /* they began at 1,000 */
	uint64_t now;
	unsigned columns;
	const char *line;
} lines[] = {
	{ { 0, 0, 0, 0, 0 }, 5000, 80, "work  ..." },
	{ { 300, 0, 1500000, 0, 1000 }, 5000, 80, "work  0 of 300  0 octets of 1.5 MB" },
	{ { 300, 12, 1500000, 60000, 1000 }, 2000, 80,
	    "work  12 of 300  60.0 kB of 1.5 MB  60.0 kB/s  0:24 left" },
	{ { 300, 12, 1500000, 60000, 1000 }, 2000, 20, "work  12 of 300  60." },
	{ { 300, 12, 1500000, 60000, 1000 }, 1001, 80, "work  12 of 300  60.0 kB of 1.5 MB" },
	{ { 300, 12, 1500000, 60000, 1000 }, 0, 80,
	    "work  12 of 300  60.0 kB of 1.5 MB" }, /* the clock went back */
	{ { 2, 1, 100000, 100, 1000 }, 11000, 80,
	    "work  1 of 2  100 octets of 100.0 kB  10 octets/s  2:46:30 left" },
	{ { 2, 1, 360000000, 1000, 1000 }, 2001, 80, "work  1 of 2  1.0 kB of 360.0 MB  999 octets/s" },
	{ { 2, 1, UINT64_MAX, 100, 1000 }, UINT64_MAX, 80,
	    "work  1 of 2  100 octets of 18.4 EB  0 octets/s" },
	/* The server said less than it sent. */
	{ { 2, 2, 1000, 2000, 1000 }, 2000, 80, "work  2 of 2  2.0 kB of 1.0 kB  2.0 kB/s" },
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char buffer[200];
		struct writer out;

		writer_init(&out, buffer, sizeof(buffer) - 1, NULL, NULL);
		progress_line(&out, "work", &lines[i].numbers, lines[i].now, lines[i].columns);
		buffer[out.used] = '\0';
		assert_string_equal(buffer, lines[i].line);
	}
}

static char *
drawn_by(bool has_colour, unsigned columns, void (*use)(struct progress *))
{
	struct progress *progress;
	char *text;
	size_t size;
	FILE *terminal = open_memstream(&text, &size);

	progress = progress_new(terminal, columns, has_colour, 2);
	assert_non_null(progress);
	use(progress);
	progress_free(progress);
	fclose(terminal);
	return text;
}

static void
two_accounts(struct progress *progress)
{
	progress_set(progress, 0, "a", NULL);
	progress_set(progress, 1, "b", NULL);
	progress_set(progress, 2, "nowhere", NULL);
	progress_show(progress, 1000);
	progress_set(progress, 0, NULL, NULL);
	progress_refresh(progress, 1099); /* too early */
	progress_refresh(progress, 1100);
	progress_hide(progress);
	progress_hide(progress);
}

static void
test_lines_are_redrawn_in_place(void **state)
{
	char *text = drawn_by(false, 80, two_accounts);

	(void)state;
	assert_string_equal(text, "a  ...\nb  ...\n"
				  "\033[A\r\033[K\033[A\r\033[K"
				  "b  ...\n"
				  "\033[A\r\033[K");
	free(text);
}

static void
one_long_account(struct progress *progress)
{
	progress_set(progress, 0, "a-name-that-is-quite-long", NULL);
	progress_show(progress, 1000);
}

static void
test_colour_and_width(void **state)
{
	char *text = drawn_by(true, 80, one_long_account);

	(void)state;
	assert_string_equal(text, "\033[36ma-name-that-is-quite  ...\033[0m\n");
	free(text);
	text = drawn_by(false, 11, one_long_account);
	assert_string_equal(text, "a-name-tha\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lines_are_redrawn_in_place),
		cmocka_unit_test(test_colour_and_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
