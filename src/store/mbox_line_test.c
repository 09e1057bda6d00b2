/* Which lines begin a message, and which are other programs' notes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "store/mbox_line.h"

static void
test_from_lines(void **state)
{
	static const struct {
		const char *line;
		bool is_from;
	} cases[] = {
		{ "From anna@example.org  Fri Jul  8 12:08:34 2011", true },	/* Postfix */
		{ "From anna@example.org Fri Jul 08 12:08:34 2011", true },	/* Exim */
		{ "From MAILER-DAEMON Fri Jul  8 12:08:34 2011", true },
		{ "From a Fri Jul  8 12:08 2011", true },
		{ "From a Fri Jul  8 12:08:34 MET DST 2011", true },
		{ "From a Fri Jul  8 12:08:34 +0200 2011 remote from b", true },
		{ "From \"a b\"@c Fri Jul  8 12:08:34 2011", true },
		{ "From  Thu Jan  1 00:00:00 1970", true },
		{ "From a Fri Jul  8 12:08:34 2011 ", true },
		{ "From", false },
		{ "From ", false },
		{ "From: anna@example.org", false },
		{ "from a Fri Jul  8 12:08:34 2011", false },
		{ ">From a Fri Jul  8 12:08:34 2011", false },
		{ " From a Fri Jul  8 12:08:34 2011", false },
		{ "From here on we walk", false },
		{ "From Friday Jul  8 12:08:34 2011", false },
		{ "From a Fri Jul  8 12:08:34", false },
		{ "From a Fri Jul  8 2011", false },
		{ "From a Fri Jul  8 noon 2011", false },
		{ "From a Fri July 8 12:08:34 2011", false },
		{ "From a Fri Jul 123 12:08:34 2011", false },
		{ "From a Fri Jul  8 12:08:34 11", false },
		{ "From a Fri Jul  8 12:08:34 a b c d 2011", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (mbox_line_is_from(cases[i].line, strlen(cases[i].line)) != cases[i].is_from)
			fail_msg("%s", cases[i].line);
}

static void
test_hidden_lines(void **state)
{
	static const struct {
		const char *line;
		bool is_hidden, is_internal;
	} cases[] = {
		{ "Status: RO\n", true, false },
		{ "status: O\n", true, false },
		{ "Status:", true, false },
		{ "X-Status: A\n", true, false },
		{ "X-UID: 4\n", true, false },
		{ "X-UIDL: abc\n", true, false },
		{ "X-Keywords:\n", true, false },
		{ "X-IMAPbase: 1 2\n", true, false },
		{ "X-IMAP: 1 2\n", true, true },
		{ "Content-Length: 7\n", true, false },
		{ "Lines: 7\n", true, false },
		{ "Status : x\n", false, false },
		{ "Statuses: x\n", false, false },
		{ "X-Status-Report: x\n", false, false },
		{ "Delivery-Status: x\n", false, false },
		{ "Content-Lengthy: 7\n", false, false },
		{ "Subject: Status: O\n", false, false },
		{ "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].line);

		if (mbox_line_is_hidden(cases[i].line, size) != cases[i].is_hidden ||
		    mbox_line_is_internal(cases[i].line, size) != cases[i].is_internal)
			fail_msg("%s", cases[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_lines),
		cmocka_unit_test(test_hidden_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
