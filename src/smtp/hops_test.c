/* What is found in a header, in pieces of every size, and where it is not looked for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "smtp/hops.h"

#define R "Received: by r\r\n"

static const struct {
	const char *text;
	unsigned received_count;
	const char *delivered;	/* "address;" each */
} cases[] = {
	{ "", 0, "" },
	{ "Delivered-To: anna@x\r\n\r\n", 0, "" },
	{ R "Delivered-To: anna@x\r\n\r\n", 1, "anna@x;" },
	{ R "Delivered-To: anna@x\n\nDelivered-To: bert@x\n", 1, "anna@x;" },
	/* What the MTA that hands it in says of this delivery is not from an earlier one. */
	{ "Delivered-To: anna@x\r\n" R "Delivered-To: bert@x\r\n", 1, "bert@x;" },
	{ "Received: by a\r\nDELIVERED-TO:anna@x\r\nreceived : by b\r\n\r\nReceived: c\r\n", 2, "anna@x;" },
	{ R "Delivered-To:\r\n anna@x\r\nReceived:\r\n\tby a\r\n\tfor b\r\n", 2, "anna@x;" },
	{ R "Delivered-To: <anna@x> \r\nDelivered-To: <\"a b\"@x>\r\n", 1, "anna@x;\"a b\"@x;" },
	{ R "Delivered-To: anna@x, bert@x\r\nDelivered-To: anna\r\nDelivered-To:\r\n", 1, "" },
	{ R "X-Delivered-To: anna@x\r\nDelivered-Too: anna@x\r\nDelivered-To anna@x\r\nReceived-SPF: x\r\n", 1, "" },
	{ R "Subject: a\r\n Delivered-To: anna@x\r\n", 1, "" },
	{ R "Subject: a\rDelivered-To: anna@x\r\n", 1, "" },
	{ "\r\nDelivered-To: anna@x\r\n", 0, "" },
	{ "\nDelivered-To: anna@x\r\n", 0, "" },
	{ R "a\r\n\r\r\nDelivered-To: anna@x\r\n", 1, "anna@x;" },
	{ R "a\r\n \r\nDelivered-To: anna@x\r\n", 1, "anna@x;" },
	{ R "Delivered-To: anna@x", 1, "anna@x;" },
	{ R "Delivered-To: anna@x\r", 1, "anna@x;" },
	{ "Received: a", 1, "" },
};

static void
delivered(void *context, const struct path *path)
{
	char *text = context, address[ADDRESS_SIZE];

	path_text(path, address);
	strcat(text, address);
	strcat(text, ";");
}

static void
test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].text);

		for (size_t piece = 1; piece <= size + 1; piece++) {
			char found[200] = "";
			struct hops hops;

			hops_begin(&hops);
			for (size_t at = 0; at < size; at += piece) {
				size_t part = size - at < piece ? size - at : piece;
				char *copy = malloc(part);

				memcpy(copy, cases[i].text + at, part);
				hops_add(&hops, copy, part, delivered, found);
				free(copy);
			}
			hops_end(&hops, delivered, found);
			assert_string_equal(found, cases[i].delivered);
			assert_int_equal(hops.received_count, cases[i].received_count);
		}
	}
}

static void
count_delivered(void *context, const struct path *path)
{
	(void)path;
	++*(unsigned *)context;
}

static void
test_limit(void **state)
{
	static const char *const lines[] = { "Received: by a\r\n", "Delivered-To: a@x\r\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		unsigned delivered_count = 0;
		struct hops hops;

		hops_begin(&hops);
		if (i == 1)
			hops_add(&hops, R, strlen(R), count_delivered, &delivered_count);
		for (unsigned k = 0; k < HOPS_MAX; k++)
			hops_add(&hops, lines[i], strlen(lines[i]), count_delivered, &delivered_count);
		hops_add(&hops, "X: y\r\n", 6, count_delivered, &delivered_count);
		assert_false(hops_too_many(&hops));
		for (unsigned k = 0; k < 3; k++)
			hops_add(&hops, lines[i], strlen(lines[i]), count_delivered, &delivered_count);
		hops_end(&hops, count_delivered, &delivered_count);
		assert_true(hops_too_many(&hops));
		assert_int_equal(delivered_count, i == 1 ? HOPS_MAX + 1 : 0);
	}
}

/* A line that is longer than what is kept is none of ours, and does no harm. */
static void
test_long_lines(void **state)
{
	static char line[100000];
	char found[200] = "";
	struct hops hops;

	(void)state;
	memset(line, 'a', sizeof(line));
	hops_begin(&hops);
	hops_add(&hops, R "Delivered-To: a@", strlen(R) + 16, delivered, found);
	for (size_t at = 0; at < sizeof(line); at += 1000)
		hops_add(&hops, line + at, 1000, delivered, found);
	hops_add(&hops, "\r\nDelivered-To: anna@x\r\n", 24, delivered, found);
	hops_end(&hops, delivered, found);
	assert_string_equal(found, "anna@x;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
