/* Paths: what is one, what it means, what is refused; and address extensions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "smtp/extension.h"
#include "smtp/path.h"
#include "smtp/utf8.h"

/* text NULL: refused. */
static const struct {
	const char *input;
	enum path_kind kind;
	const char *text, *rest;
} cases[] = {
	{ "<>", PATH_REVERSE, "", "" },
	{ "<>", PATH_FORWARD, NULL, "" },
	{ "<Postmaster>", PATH_FORWARD, "Postmaster", "" },
	{ "<postMASTER> X", PATH_FORWARD, "postMASTER", " X" },
	{ "<Postmaster>", PATH_REVERSE, NULL, "" },
	{ "<postmasters>", PATH_FORWARD, NULL, "" },
	{ "<anna@example.org> SIZE=1", PATH_REVERSE, "anna@example.org", " SIZE=1" },
	{ "<Anna.B@Example.ORG>", PATH_FORWARD, "Anna.B@Example.ORG", "" },
	{ "<a!#$%&'*+-/=?^_`{|}~@x>", PATH_FORWARD, "a!#$%&'*+-/=?^_`{|}~@x", "" },
	{ "<@a:anna@x>", PATH_FORWARD, "anna@x", "" },
	{ "<@a.b,@c,@[192.0.2.1]:anna@x>", PATH_REVERSE, "anna@x", "" },
	{ "<@a,anna@x>", PATH_FORWARD, NULL, "" },
	{ "<@a,@:anna@x>", PATH_FORWARD, NULL, "" },
	{ "<@a>", PATH_REVERSE, NULL, "" },
	{ "<\"anna\"@x>", PATH_FORWARD, "anna@x", "" },
	{ "<\"a\\nn\\a\"@x>", PATH_FORWARD, "anna@x", "" },
	{ "<\"a b\"@x>", PATH_FORWARD, "\"a b\"@x", "" },
	{ "<\"a\\\"b\\\\c\"@x>", PATH_FORWARD, "\"a\\\"b\\\\c\"@x", "" },
	{ "<\"a@b>\"@x>", PATH_FORWARD, "\"a@b>\"@x", "" },
	{ "<\".a\"@x>", PATH_FORWARD, "\".a\"@x", "" },
	{ "<\"\"@x>", PATH_FORWARD, NULL, "" },
	{ "<\"a@x>", PATH_FORWARD, NULL, "" },
	{ "<\"a\\", PATH_FORWARD, NULL, "" },
	{ "<\"a\tb\"@x>", PATH_FORWARD, NULL, "" },
	{ "<\"a\\\tb\"@x>", PATH_FORWARD, NULL, "" },
	{ "<\"a\x7f\"@x>", PATH_FORWARD, NULL, "" },
	{ "<a b@x>", PATH_FORWARD, NULL, "" },
	{ "<.a@x>", PATH_FORWARD, NULL, "" },
	{ "<a.@x>", PATH_FORWARD, NULL, "" },
	{ "<a..b@x>", PATH_FORWARD, NULL, "" },
	{ "<@x>", PATH_FORWARD, NULL, "" },
	{ "<a@>", PATH_FORWARD, NULL, "" },
	{ "<a@x.>", PATH_FORWARD, NULL, "" },
	{ "<a@.x>", PATH_FORWARD, NULL, "" },
	{ "<a@-x>", PATH_FORWARD, NULL, "" },
	{ "<a@x->", PATH_FORWARD, NULL, "" },
	{ "<a@x-.y>", PATH_FORWARD, NULL, "" },
	{ "<a@b_c>", PATH_FORWARD, "a@b_c", "" },
	{ "<a@x y>", PATH_FORWARD, NULL, "" },
	{ "<a@[192.0.2.1]>", PATH_FORWARD, "a@[192.0.2.1]", "" },
	{ "<a@[IPv6:2001:db8::1]>", PATH_FORWARD, "a@[IPv6:2001:db8::1]", "" },
	{ "<a@[x-y:z]>", PATH_FORWARD, "a@[x-y:z]", "" },
	{ "<a@[192.0.2.256]>", PATH_FORWARD, NULL, "" },
	{ "<a@[IPv6:192.0.2.1]>", PATH_FORWARD, NULL, "" },
	{ "<a@[x:]>", PATH_FORWARD, NULL, "" },
	{ "<a@[x:y z]>", PATH_FORWARD, NULL, "" },
	{ "<a@[]>", PATH_FORWARD, NULL, "" },
	{ "<a@[192.0.2.1>", PATH_FORWARD, NULL, "" },
	{ "<\xc3\xa4@\xc3\xb6.example>", PATH_FORWARD, "\xc3\xa4@\xc3\xb6.example", "" },
	{ "<\"\xc3\xa4 b\"@x>", PATH_FORWARD, "\"\xc3\xa4 b\"@x", "" },
	{ "<\xc3@x>", PATH_FORWARD, NULL, "" },
	{ "<a@\xff>", PATH_FORWARD, NULL, "" },
	{ "<\"\xc0\x80\"@x>", PATH_FORWARD, NULL, "" },
	{ "a@x", PATH_FORWARD, NULL, "" },
	{ "<a@x", PATH_FORWARD, NULL, "" },
	{ "<a@x\r\n>", PATH_FORWARD, NULL, "" },
	{ "<", PATH_REVERSE, NULL, "" },
	{ "", PATH_REVERSE, NULL, "" },
};

static void
test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[ADDRESS_SIZE];
		struct path path = { .local = "untouched" }, again;
		const char *at = cases[i].input, *problem = path_take(&path, &at, cases[i].kind);

		if ((problem == NULL) != (cases[i].text != NULL))
			print_error("in the path %s\n", cases[i].input);
		if (cases[i].text == NULL) {
			assert_non_null(problem);
			assert_string_equal(path.local, "untouched");
			assert_ptr_equal(at, cases[i].input);
			continue;
		}
		assert_null(problem);
		path_text(&path, text);
		assert_string_equal(text, cases[i].text);
		assert_string_equal(at, cases[i].rest);
		if (path.domain[0] != '\0') {
			assert_null(path_parse(&again, text));
			assert_true(path_equal(&path, &again));
			assert_int_equal(again.utf8, path.utf8);
		}
	}
}

/* One octet more than there may be of each part is refused. */
static void
test_lengths(void **state)
{
	static const struct {
		int local, label, label_count;
		bool good;
	} rows[] = {
		{ 64, 1, 1, true }, { 65, 1, 1, false }, { 1, 63, 1, true }, { 1, 64, 1, false },
		{ 62, 63, 3, true }, { 63, 63, 3, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char input[600], text[ADDRESS_SIZE], *end = input;
		const char *at = input;
		struct path path;

		*end++ = '<';
		for (int k = 0; k < rows[i].local; k++)
			*end++ = 'a';
		*end++ = '@';
		for (int k = 0; k < rows[i].label_count; k++) {
			memset(end, 'b', (size_t)rows[i].label);
			end += rows[i].label;
			*end++ = '.';
		}
		end[-1] = '>';
		*end = '\0';
		assert_int_equal(path_take(&path, &at, PATH_FORWARD) == NULL, rows[i].good && strlen(input) <= 256);
		if (rows[i].good && strlen(input) <= 256) {
			path_text(&path, text);
			assert_int_equal(strlen(text), strlen(input) - 2);
		}
	}
}

static void
test_equal(void **state)
{
	static const struct {
		const char *one, *other;
		bool equal;
	} rows[] = {
		{ "anna@x.org", "anna@X.ORG", true }, { "anna@x", "Anna@x", false },
		{ "\"anna\"@x", "anna@x", true }, { "anna@x", "anna@y", false },
		{ "\xc3\xa4@x", "\xc3\x84@x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct path one, other;

		assert_null(path_parse(&one, rows[i].one));
		assert_null(path_parse(&other, rows[i].other));
		assert_int_equal(path_equal(&one, &other), rows[i].equal);
	}
}

static void
test_extensions(void **state)
{
	static const struct {
		const char *address;
		char delimiter;
		const char *base, *detail;
	} rows[] = {
		{ "anna+lists@x", '+', "anna@x", "lists" }, { "anna@x", '+', "anna@x", "" },
		{ "anna+a+b@x", '+', "anna@x", "a+b" }, { "anna+@x", '+', "anna@x", "" },
		{ "+lists@x", '+', "+lists@x", "" }, { "anna-lists@x", '-', "anna@x", "lists" },
		{ "anna+lists@x", '\0', "anna+lists@x", "" }, { "anna+lists@x", '-', "anna+lists@x", "" },
		{ "anna+a/b@x", '+', "anna@x", "" }, { "\"anna+.\"@x", '+', "anna@x", "" },
		{ "\"anna+..\"@x", '+', "anna@x", "" }, { "\"anna+.a\"@x", '+', "anna@x", "" },
		{ "\"anna+a b\"@x", '+', "anna@x", "a b" }, { "\"a b+c\"@x", '+', "\"a b\"@x", "c" },
		{ "a.+b@x", '+', "\"a.\"@x", "b" },
		{ "anna+a.b@x", '+', "anna@x", "a.b" }, { "anna+\xc3\xa4@x", '+', "anna@x", "\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ADDRESS_SIZE], detail[DETAIL_SIZE];
		struct path path, base;

		assert_null(path_parse(&path, rows[i].address));
		extension_split(&path, rows[i].delimiter, &base, detail);
		path_text(&base, text);
		assert_string_equal(text, rows[i].base);
		assert_string_equal(detail, rows[i].detail);
	}
}

/* The longest that path_text() may be handed. */
static void
test_longest_base(void **state)
{
	char address[PATH_OCTETS_MAX], text[ADDRESS_SIZE], detail[DETAIL_SIZE];
	struct path path, base;

	(void)state;
	memset(address, 'a', sizeof(address));
	memcpy(address + 62, ".+@", 3);
	for (size_t i = 65 + 60; i < PATH_OCTETS_MAX - 3; i += 61)
		address[i] = '.';
	address[PATH_OCTETS_MAX - 2] = '\0';
	assert_null(path_parse(&path, address));
	extension_split(&path, '+', &base, detail);
	path_text(&base, text);
	assert_int_equal(strlen(text), ADDRESS_SIZE - 1);
}

static void
test_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} rows[] = {
		{ "a", 1 }, { "", 1 }, { "\xc2\xa0", 2 }, { "\xc2\x9f", 0 }, { "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 }, { "\xe0\xa0\x80", 3 }, { "\xed\x9f\xbf", 3 }, { "\xed\xa0\x80", 0 },
		{ "\xef\xbf\xbf", 3 }, { "\xf0\x8f\xbf\xbf", 0 }, { "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 }, { "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 },
		{ "\x80", 0 }, { "\xc3", 0 }, { "\xe1\x80", 0 }, { "\xf1\x80\x80", 0 }, { "\xe1\x80" "a", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_character(rows[i].text), rows[i].size);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_longest_base),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
