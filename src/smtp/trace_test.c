/* The lines before a message, and that nothing can put another line into them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "smtp/trace.h"

static const struct path anna = { .local = "anna", .domain = "example.org" };
static const struct path none = { .local = "" };
static const struct path odd = { .local = "a\"\\ b", .domain = "x" };

static void
expect(struct writer *w, const char *text)
{
	assert_int_equal(w->used, strlen(text));
	assert_memory_equal(w->buffer, text, w->used);
	w->used = 0;
}

static void
test_paths(void **state)
{
	char buffer[TRACE_OCTETS_MAX];
	struct writer w;

	(void)state;
	writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
	assert_true(trace_return_path(&w, &anna));
	expect(&w, "Return-Path: <anna@example.org>\r\n");
	assert_true(trace_return_path(&w, &none));
	expect(&w, "Return-Path: <>\r\n");
	assert_true(trace_delivered_to(&w, &odd));
	expect(&w, "Delivered-To: \"a\\\"\\\\ b\"@x\r\n");
}

static const struct {
	struct received received;
	const char *line;
} cases[] = {
	{ { .helo = "c", .name = "n.example", .address = "192.0.2.1", .by = "b", .with = "LMTPS",
	    .session = 0xab, .count = 2, .for_path = &anna },
	  "Received: from c (n.example [192.0.2.1])\r\n\tby b with LMTPS id ab.2\r\n"
	  "\tfor <anna@example.org>; Thu, 01 Jan 1970 02:00:00 +0200\r\n" },
	{ { .helo = "c", .name = "", .address = "IPv6:::1", .by = "b", .with = "LMTP", .count = 1 },
	  "Received: from c ([IPv6:::1])\r\n\tby b with LMTP id 0.1; Thu, 01 Jan 1970 02:00:00 +0200\r\n" },
	{ { .helo = "", .name = "n", .address = "", .by = "b", .with = "LMTP" },
	  "Received: from unknown\r\n\tby b with LMTP id 0.0; Thu, 01 Jan 1970 02:00:00 +0200\r\n" },
	{ { .helo = "c\r\nX: y", .name = "n)(x", .address = "192.0.2.1", .by = "b", .with = "LMTP" },
	  "Received: from unknown ([192.0.2.1])\r\n\tby b with LMTP id 0.0; Thu, 01 Jan 1970 02:00:00 +0200\r\n" },
	{ { .helo = "c\\", .name = "n\t", .address = "1\n", .by = "b", .with = "LMTP" },
	  "Received: from unknown\r\n\tby b with LMTP id 0.0; Thu, 01 Jan 1970 02:00:00 +0200\r\n" },
};

static void
test_received(void **state)
{
	(void)state;
	setenv("TZ", "XYZ-2", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buffer[TRACE_OCTETS_MAX];
		struct writer w;

		writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
		assert_true(trace_received(&w, &cases[i].received));
		expect(&w, cases[i].line);
	}
}

static void
test_protocol(void **state)
{
	(void)state;
	assert_string_equal(trace_protocol(false, false), "LMTP");
	assert_string_equal(trace_protocol(true, false), "LMTPS");
	assert_string_equal(trace_protocol(false, true), "UTF8LMTP");
	assert_string_equal(trace_protocol(true, true), "UTF8LMTPS");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
