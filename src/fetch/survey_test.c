/* Lists that fit, and lists that do not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/survey.h"

#define TENTH "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
#define LONG TENTH TENTH TENTH TENTH TENTH TENTH TENTH TENTH TENTH TENTH

/* A line of LIST where uidl is NULL. */
struct line {
	uint64_t number;
	const char *uidl;
	uint64_t octets;
};

static const struct {
	const char *about;
	struct line lines[8];
	const char *messages; /* "number uidl octets;" of each */
	size_t nameless, sizeless, twice, same;
} rows[] = {
	{ "nothing", { { 0 } }, "", 0, 0, 0, 0 },
	{ "as it should be", { { 1, "a", 0 }, { 2, "b", 0 }, { 1, NULL, 10 }, { 2, NULL, 20 } },
	    "1 a 10;2 b 20;", 0, 0, 0, 0 },
	{ "in any order", { { 2, NULL, 20 }, { 2, "b", 0 }, { 1, NULL, 10 }, { 1, "a", 0 } }, "1 a 10;2 b 20;",
	    0, 0, 0, 0 },
	{ "an empty message", { { 1, NULL, 0 }, { 1, "a", 0 } }, "1 a 0;", 0, 0, 0, 0 },
	{ "LIST first", { { 1, NULL, 10 }, { 2, NULL, 20 }, { 1, "a", 0 }, { 2, "b", 0 } }, "1 a 10;2 b 20;", 0, 0,
	    0, 0 },
	{ "LIST lacks the second of three", { { 1, "a", 0 }, { 2, "b", 0 }, { 3, "c", 0 }, { 1, NULL, 10 }, { 3, NULL, 30 } },
	    "1 a 10;2 b 0;3 c 30;", 0, 1, 0, 0 },
	{ "UIDL lacks the second of three", { { 1, "a", 0 }, { 3, "c", 0 }, { 1, NULL, 10 }, { 2, NULL, 20 }, { 3, NULL, 30 } },
	    "1 a 10;2 - 20;3 c 30;", 1, 0, 0, 0 },
	{ "a size twice, between UIDLs", { { 1, "a", 0 }, { 1, NULL, 10 }, { 2, "b", 0 }, { 1, NULL, 11 }, { 2, NULL, 20 } },
	    "1 a 11;2 b 20;", 0, 0, 0, 0 },
	{ "a UIDL that LIST parts from its other", { { 1, "a", 0 }, { 1, NULL, 10 }, { 1, "b", 0 } }, "1 - 10;", 0, 0, 1, 0 },
	{ "no UIDL", { { 1, NULL, 10 }, { 2, NULL, 20 }, { 2, "b", 0 } }, "1 - 10;2 b 20;", 1, 0, 0, 0 },
	{ "no size", { { 1, "a", 0 }, { 2, "b", 0 }, { 2, NULL, 20 } }, "1 a 0;2 b 20;", 0, 1, 0, 0 },
	{ "a number twice", { { 1, "a", 0 }, { 1, "b", 0 }, { 1, NULL, 5 }, { 2, "c", 0 }, { 2, NULL, 6 } },
	    "1 - 5;2 c 6;", 0, 0, 1, 0 },
	{ "a line twice", { { 1, "a", 0 }, { 1, "a", 0 }, { 1, NULL, 5 }, { 1, NULL, 5 } }, "1 a 5;", 0, 0, 0,
	    0 },
	{ "a UIDL of three", { { 3, "x", 0 }, { 1, "x", 0 }, { 2, "y", 0 }, { 4, "x", 0 } },
	    "1 x 0;2 y 0;3 x (2) 0;4 x (3) 0;", 0, 4, 0, 2 },
	{ "numbers of 64 bits", { { UINT64_MAX, "a", 0 }, { 0, "b", 0 }, { UINT64_MAX, NULL, UINT64_MAX } },
	    "0 b 0;18446744073709551615 a 18446744073709551615;", 0, 1, 0, 0 },
};

static void
check(size_t row)
{
	struct survey survey;
	struct error error;
	char text[300] = "";

	survey_begin(&survey);
	for (const struct line *line = rows[row].lines; line->uidl != NULL || line->number + line->octets > 0;
	     line++)
		assert_int_equal(line->uidl != NULL ? survey_uidl(&survey, line->number, line->uidl, &error)
						    : survey_size(&survey, line->number, line->octets, &error),
		    0);
	assert_int_equal(survey_end(&survey, &error), 0);
	for (size_t i = 0; i < survey.count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%llu %s %llu;",
		    (unsigned long long)survey.messages[i].number,
		    survey.messages[i].uidl != NULL ? survey.messages[i].uidl : "-",
		    (unsigned long long)survey.messages[i].octets);
	if (strcmp(text, rows[row].messages) != 0 || survey.nameless_count != rows[row].nameless ||
	    survey.sizeless_count != rows[row].sizeless || survey.twice_count != rows[row].twice ||
	    survey.same_count != rows[row].same)
		fail_msg("%s: %s nameless %zu sizeless %zu twice %zu same %zu", rows[row].about, text,
		    survey.nameless_count, survey.sizeless_count, survey.twice_count, survey.same_count);
	survey_free(&survey);
}

static void
test_lists(void **state)
{
	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++)
		check(row);
}

static void
test_lists_that_fit(void **state)
{
	static const struct {
		size_t nameless, sizeless, twice;
		bool fits;
	} fits[] = {
		{ 0, 0, 0, true },
		{ 3, 0, 0, true },
		{ 0, 3, 0, true },
		{ 1, 1, 0, false },
		{ 0, 0, 1, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fits) / sizeof(*fits); i++) {
		const struct survey survey = { .nameless_count = fits[i].nameless,
			.sizeless_count = fits[i].sizeless,
			.twice_count = fits[i].twice };

		assert_int_equal(survey_fits(&survey), fits[i].fits);
	}
}

/* Without UIDL, messages get their names when LIST has come to its end. */
static void
test_names_that_come_later(void **state)
{
	struct survey survey;
	struct error error;

	(void)state;
	survey_begin(&survey);
	for (uint64_t number = 1; number <= 3; number++)
		assert_int_equal(survey_size(&survey, number, 10, &error), 0);
	assert_int_equal(survey_end(&survey, &error), 0);
	assert_int_equal(survey.nameless_count, 3);
	survey.messages[0].uidl = strdup("a");
	survey.messages[2].uidl = strdup("a");
	assert_int_equal(survey_end(&survey, &error), 0);
	assert_int_equal(survey.nameless_count, 1);
	assert_int_equal(survey.same_count, 1);
	assert_string_equal(survey.messages[2].uidl, "a (2)");
	survey_free(&survey);
}

static void
test_lists_without_end(void **state)
{
	struct survey survey;
	struct error error;
	size_t count = 0;

	(void)state;
	survey_begin(&survey);
	while (survey_uidl(&survey, 1, "u", &error) == 0)
		assert_true(++count < 100000);
	assert_int_equal(error.kind, ERROR_PROTOCOL);
	survey_free(&survey);
	survey_begin(&survey);
	for (count = 1; survey_uidl(&survey, count, LONG, &error) == 0; count++)
		assert_true(count < 1000000);
	assert_int_equal(error.kind, ERROR_PROTOCOL);
	survey_free(&survey);
	survey_begin(&survey);
	for (count = 1; survey_size(&survey, count, 1, &error) == 0; count++)
		assert_true(count < 10000000);
	assert_int_equal(error.kind, ERROR_PROTOCOL);
	survey_free(&survey);
}

static void
test_many(void **state)
{
	struct survey survey;
	struct error error;

	(void)state;
	survey_begin(&survey);
	for (uint64_t number = 1; number <= 10000; number++)
		assert_int_equal(survey_uidl(&survey, number, "the same", &error), 0);
	assert_int_equal(survey_end(&survey, &error), 0);
	assert_int_equal(survey.count, 10000);
	assert_int_equal(survey.same_count, 9999);
	assert_string_equal(survey.messages[0].uidl, "the same");
	assert_string_equal(survey.messages[9999].uidl, "the same (10000)");
	survey_free(&survey);
}

/* The second list takes no room where it has what the first has. */
static void
test_the_second_list_finds_its_messages(void **state)
{
	struct survey survey;
	struct error error;

	(void)state;
	survey_begin(&survey);
	for (uint64_t number = 1; number <= 1000; number++)
		assert_int_equal(survey_uidl(&survey, number, "u", &error), 0);
	for (uint64_t number = 1; number <= 1000; number++)
		assert_int_equal(survey_size(&survey, number, number, &error), 0);
	assert_int_equal(survey.count, 1000);
	assert_int_equal(survey.messages[999].octets, 1000);
	assert_int_equal(survey_end(&survey, &error), 0);
	assert_int_equal(survey.count, 1000);
	survey_free(&survey);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_lists_that_fit),
		cmocka_unit_test(test_names_that_come_later),
		cmocka_unit_test(test_lists_without_end),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_the_second_list_finds_its_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
