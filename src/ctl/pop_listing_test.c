/* Replies of other servers: as they are, and as a hostile one might make them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/pop_listing.h"

/* Hands a text out in pieces of some octets, then the end. */
struct source {
	const char *text;
	size_t size, piece;
};

static ssize_t
fill(void *context, char *buffer, size_t size, struct error *error)
{
	struct source *source = context;

	(void)error;
	if (size > source->piece)
		size = source->piece;
	if (size > source->size)
		size = source->size;
	memcpy(buffer, source->text, size);
	source->text += size;
	source->size -= size;
	return (ssize_t)size;
}

static const struct {
	const char *what, *uidls, *sizes;
	const char *gives;	/* "number uidl size;", or with a '!' a part of the error */
} cases[] = {
	{ "usual", "1 a\r\n2 b\r\n.\r\n", "1 10\r\n2 20\r\n.\r\n", "1 a 10;2 b 20;" },
	{ "none", ".\r\n", ".\r\n", "" },
	{ "bare line ends, gaps, words behind the size", "1 a\n7 b \n.\n", "1 10 x\n7 20\n.\n", "!UIDL: a line" },
	{ "gaps, words behind the size", "1 a\n7 b\n.\n", "1 10 x\n7 20\n.\n", "1 a 10;7 b 20;" },
	{ "a long UIDL", "1 1234567890123456789012345678901234567890123456789012345678901234567890123\r\n.\r\n",
	  "1 1\r\n.\r\n", "1 1234567890123456789012345678901234567890123456789012345678901234567890123 1;" },
	{ "it ends", "1 a\r\n", "", "!closed the connection" },
	{ "numbers that do not ascend", "2 a\r\n2 b\r\n.\r\n", "", "!UIDL: a line" },
	{ "number 0", "0 a\r\n.\r\n", "", "!UIDL: a line" },
	{ "a number that is too large", "4294967296 a\r\n.\r\n", "", "!UIDL: a line" },
	{ "no UIDL", "1 \r\n.\r\n", "", "!UIDL: a line" },
	{ "no number", "a\r\n.\r\n", "", "!UIDL: a line" },
	{ "an empty line", "\r\n.\r\n", "", "!UIDL: a line" },
	{ "too few sizes", "1 a\r\n2 b\r\n.\r\n", "1 1\r\n.\r\n", "!LIST names fewer" },
	{ "too many sizes", "1 a\r\n.\r\n", "1 1\r\n2 2\r\n.\r\n", "!LIST and UIDL" },
	{ "another's size", "1 a\r\n.\r\n", "2 1\r\n.\r\n", "!LIST and UIDL" },
	{ "a size that is none", "1 a\r\n.\r\n", "1 -1\r\n.\r\n", "!LIST: a line" },
	{ "a size that is too large", "1 a\r\n.\r\n", "1 9223372036854775808\r\n.\r\n", "!LIST: a line" },
};

static int
read_both(struct pop_listing *listing, const char *uidls, const char *sizes, size_t piece,
    struct error *error)
{
	struct source source = { .text = uidls, .size = strlen(uidls), .piece = piece };
	struct pop_reader reader = { .fill = fill, .context = &source };

	if (pop_read_uidls(&reader, listing, error) != 0)
		return -1;
	source = (struct source){ .text = sizes, .size = strlen(sizes), .piece = piece };
	return pop_read_sizes(&reader, listing, error);
}

static void
test_listings(void **state)
{
	static const size_t pieces[] = { 1, 3, 8192 };

	(void)state;
	for (size_t i = 0; i < 3 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char *gives = cases[i / 3].gives;
		struct pop_listing listing = { 0 };
		char given[512] = "";
		size_t used = 0;
		struct error error;
		int result = read_both(&listing, cases[i / 3].uidls, cases[i / 3].sizes, pieces[i % 3], &error);

		for (size_t m = 0; result == 0 && m < listing.count; m++)
			used += (size_t)snprintf(given + used, sizeof(given) - used, "%u %s %llu;",
			    listing.messages[m].number, pop_uidl(&listing, m),
			    (unsigned long long)listing.messages[m].size);
		pop_listing_free(&listing);
		if (gives[0] == '!') {
			assert_int_equal(result, -1);
			assert_int_equal(error.kind, ERROR_PROTOCOL);
			if (strstr(error.text, gives + 1) == NULL)
				fail_msg("%s: %s", cases[i / 3].what, error.text);
		} else if (result != 0 || strcmp(given, gives) != 0) {
			fail_msg("%s: %s", cases[i / 3].what, result != 0 ? error.text : given);
		}
	}
}

static void
test_lines(void **state)
{
	static char text[4 * POP_LINE_SIZE], line[POP_LINE_SIZE];
	struct source source = { .text = text, .piece = 7 };
	struct pop_reader reader = { .fill = fill, .context = &source };
	struct error error;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[POP_LINE_SIZE - 1] = '\n';
	source.size = sizeof(text);
	assert_int_equal(pop_read_line(&reader, line, &error), 0);
	assert_int_equal(strlen(line), POP_LINE_SIZE - 1);
	assert_int_equal(pop_read_line(&reader, line, &error), -1);
	assert_non_null(strstr(error.text, "too long a line"));
	reader.begin = reader.end = 0;
	source = (struct source){ .text = "a\0b\n", .size = 4, .piece = 7 };
	assert_int_equal(pop_read_line(&reader, line, &error), -1);
	assert_non_null(strstr(error.text, "NUL"));
}

static void
test_status(void **state)
{
	static const struct {
		const char *reply;
		enum error_kind kind;
	} replies[] = {
		{ "+OK\r\n", ERROR_NONE },
		{ "+OK hello\r\n", ERROR_NONE },
		{ "-ERR [AUTH] no\r\n", ERROR_DENIED },
		{ "+OKAY\r\n", ERROR_PROTOCOL },
		{ "220 mail.example ESMTP\r\n", ERROR_PROTOCOL },
		{ "", ERROR_PROTOCOL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		struct source source = { .text = replies[i].reply, .size = strlen(replies[i].reply), .piece = 9 };
		struct pop_reader reader = { .fill = fill, .context = &source };
		struct error error = { .kind = ERROR_NONE };

		assert_int_equal(pop_read_status(&reader, "PASS", &error), replies[i].kind == ERROR_NONE ? 0 : -1);
		assert_int_equal(error.kind, replies[i].kind);
	}
}

/* A server that never comes to an end does not fill our memory. */
static ssize_t
fill_without_end(void *context, char *buffer, size_t size, struct error *error)
{
	unsigned long *next = context;

	(void)error;
	return snprintf(buffer, size, "%lu x\n", ++*next);
}

static void
test_no_end(void **state)
{
	unsigned long next = 0;
	struct pop_reader reader = { .fill = fill_without_end, .context = &next };
	struct pop_listing listing = { 0 };
	struct error error;

	(void)state;
	assert_int_equal(pop_read_uidls(&reader, &listing, &error), -1);
	assert_int_equal(next, POP_MESSAGES_MAX + 1);
	pop_listing_free(&listing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listings),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
