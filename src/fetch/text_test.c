/* What strangers write, as people and programs get it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fetch/text.h"

static const struct {
	const char *text, *clean, *json;
} rows[] = {
	{ "", "", "\"\"" },
	{ "plain", "plain", "\"plain\"" },
	{ "a\"b\\c/", "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
	{ "\033[2J\r\n\t\177", "?[2J????", "\"\\u001b[2J\\u000d\\u000a\\u0009\\u007f\"" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
	{ "\xf0\x9f\x93\xae", "\xf0\x9f\x93\xae", "\"\xf0\x9f\x93\xae\"" },
	{ "gr\xfc\xdf", "gr??", "\"gr\\ufffd\\ufffd\"" },
	{ "\xc0\xaf", "??", "\"\\ufffd\\ufffd\"" }, /* overlong */
	{ "\xc2\x9b"
	  "2J",
	    "??2J", "\"\\ufffd\\ufffd2J\"" }, /* CSI as a C1 control */
	{ "cut \xe2\x82", "cut ??", "\"cut \\ufffd\\ufffd\"" },
};

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char buffer[200];
		struct writer out;

		writer_init(&out, buffer, sizeof(buffer) - 1, NULL, NULL);
		text_clean(&out, rows[i].text);
		buffer[out.used] = '\0';
		assert_string_equal(buffer, rows[i].clean);
		writer_init(&out, buffer, sizeof(buffer) - 1, NULL, NULL);
		text_json(&out, rows[i].text);
		buffer[out.used] = '\0';
		assert_string_equal(buffer, rows[i].json);
	}
}

static void
test_octets(void **state)
{
	static const struct {
		uint64_t octets;
		const char *text;
	} sizes[] = {
		{ 0, "0 octets" },
		{ 1, "1 octet" },
		{ 999, "999 octets" },
		{ 1000, "1.0 kB" },
		{ 1250, "1.2 kB" },
		{ 999999, "999.9 kB" },
		{ 1000000, "1.0 MB" },
		{ 1234567890, "1.2 GB" },
		{ UINT64_MAX, "18.4 EB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char buffer[40];
		struct writer out;

		writer_init(&out, buffer, sizeof(buffer) - 1, NULL, NULL);
		text_octets(&out, sizes[i].octets);
		buffer[out.used] = '\0';
		assert_string_equal(buffer, sizes[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
