/* The lists of other servers, as they were found, and as they must not be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store/foreign_uidl_format.h"
#include "store/foreign_uidls.h"

#define DEFAULT "%08Xu%08Xv"

struct list_case {
	const char *what, *kind, *text;
	const char *format;	/* NULL: Dovecot's default */
	/* "base=uidl base=uidl ", sorted; or, with a '!' before it, a part of the error. */
	const char *gives;
};

static const struct list_case cases[] = {
	{ "Dovecot 2.3", "dovecot",
	  "3 V1700000123 N4 G0a5bd20b8c7f5665e54d0000c7d8a0b5\n"
	  "1 :1700000000.M1P1.mx,S=42:2,S\n"
	  "2 W55 S53 :1700000001.M2P1.mx\n"
	  "17 G3f P1-x O3 W9 :1700000002.M3P1.mx\n", NULL,
	  "1700000000.M1P1.mx,S=42=000000016553f17b 1700000001.M2P1.mx=000000026553f17b "
	  "1700000002.M3P1.mx=1-x " },
	{ "an empty override is the name", "dovecot", "3 V1 N9\n1 P :a.b,S=5:2,\n2 P W1 :c\n", NULL,
	  "a.b,S=5=a.b,S=5 c=c " },
	{ "Dovecot 1.0", "dovecot", "1 1700000123 3\n1 a:2,\n2 b c\n", NULL,
	  "a=000000016553f17b b c=000000026553f17b " },
	{ "a name again", "dovecot", "3 V1 N9\n1 :a\n2 :b\n3 :a:2,S\n", "%u", "a=3 b=2 " },
	{ "keys that are not known", "dovecot", "3 Zz V7 N9 Q\n1 Yxx :a\n", "%v.%u", "a=7.1 " },
	{ "no message", "dovecot", "3 V1 N1\n", NULL, "" },
	{ "an empty file", "dovecot", "", NULL, "!it is empty" },
	{ "another version", "dovecot", "2 1 2\n", NULL, "!line 1: a version" },
	{ "another file", "dovecot", "From me\n", NULL, "!line 1: not how a dovecot-uidlist begins" },
	{ "no validity", "dovecot", "3 N5\n", NULL, "!line 1: it lacks" },
	{ "no number", "dovecot", "3 Vx N5\n", NULL, "!line 1: it lacks" },
	{ "a UIDVALIDITY that is too large", "dovecot", "3 V4294967296 N5\n", NULL, "!line 1: it lacks" },
	{ "UIDs that do not ascend", "dovecot", "3 V1 N5\n2 :a\n2 :b\n", NULL, "!line 3: its UID" },
	{ "a UID past the next", "dovecot", "1 1 2\n2 a\n", NULL, "!line 2: its UID" },
	{ "UID 0", "dovecot", "3 V1 N5\n0 :a\n", NULL, "!line 2: it does not begin" },
	{ "a UID that is too large", "dovecot", "3 V1 N5\n4294967295 :a\n", NULL, "!line 2: it does not" },
	{ "a line without a name", "dovecot", "3 V1 N5\n1 W5\n", NULL, "!line 2: it has no file name" },
	{ "a name that is empty", "dovecot", "3 V1 N5\n1 :\n", NULL, "!line 2: it has no file name" },
	{ "a path", "dovecot", "3 V1 N5\n1 :../a\n", NULL, "!line 2: its file name has a slash" },
	{ "a line that is cut", "dovecot", "3 V1 N5\n1 :a", NULL, "!line 2: it is cut" },
	{ "a bad format", "dovecot", "3 V1 N5\n1 :a\n", "%m", "!%m is a digest" },

	{ "Courier 4", "courier",
	  "/3 18 1290000000\n1700000000.M1P1.mx,S=42:2,S 44 7:1290000000:0\nb 1 8:1290000000:1\n", NULL,
	  "1700000000.M1P1.mx,S=42=UID7-1290000000 b=UID8-1290000000 " },
	{ "Courier 3", "courier", "/2 18 1290000000\na:2, 44 7:1290000000\nb c 9 8:0\nd+'\" 9 0:0\n", NULL,
	  "a=UID7-1290000000 b c=UID8 d+'\"=d+2B+27+22 " },
	{ "generation 2 in a file of 3", "courier", "/3 2 5\na 1 1:5\n", NULL, "a=UID1-5 " },
	{ "generation 1", "courier", "/1 18\na:2,S 44 7\nb 1 0\n", NULL, "a=UID7 b=b " },
	{ "generation 1 with a time", "courier", "/1 18 1290000000\na 44 7\n", NULL, "a=UID7 " },
	{ "generation 0", "courier", "a.b:2,S 44\n\xe4 c 1\n", NULL, "a.b=a.b \xe4 c=+E4+20c " },
	{ "no message for Courier", "courier", "/3 1 1290000000\n", NULL, "" },
	{ "an empty list of Courier", "courier", "", NULL, "" },
	{ "a newer Courier", "courier", "/4 1 1\n", NULL, "!line 1: a newer Courier" },
	{ "a head that is none", "courier", "/x\n", NULL, "!line 1: not how" },
	{ "a line that is none", "courier", "/3 1 1\na\n", NULL, "!line 2: not a line" },
	{ "a line of another generation", "courier", "/1 1 1\na 1 2:3\n", NULL, "!line 2: not a line" },
	{ "a line without a name for Courier", "courier", "/3 1 1\n 1 2:3:0\n", NULL, "!line 2: not a line" },
	{ "letters for a size", "courier", "/3 1 1\na x 2:3:0\n", NULL, "!line 2: not a line" },
	{ "a number too large", "courier", "/3 1 1\na 1 99999999999999999999:3:0\n", NULL,
	  "!line 2: not a line" },
	{ "a line of Courier's that is cut", "courier", "/3 1 1\na 1 2:3:0", NULL, "!line 2: it is cut" },

	{ "a plain list", "list", "new/a one\n\nb c:2,S\ttwo\r\n/srv/mail/cur/d  three", NULL,
	  "a=one b c=two d=three " },
	{ "a name alone", "list", "a\n", NULL, "!line 1: not a file's name" },
	{ "a blank at the end", "list", "x y\na \n", NULL, "!line 2: not a file's name" },
};

static void
test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct list_case *c = &cases[i];
		size_t size = strlen(c->text), used = 0;
		char *text = malloc(size + 1), given[1024] = "";	/* of its own: no octet behind it */
		struct uidl_table table = { 0 };
		struct error error;
		int result;

		assert_non_null(text);
		memcpy(text, c->text, size);
		result = foreign_kind_find(c->kind)->parse(&table, text, size,
		    c->format != NULL ? c->format : DEFAULT, &error);
		free(text);
		if (c->gives[0] == '!') {
			if (result == 0 || strstr(error.text, c->gives + 1) == NULL)
				fail_msg("%s: %s", c->what, result == 0 ? "no error" : error.text);
			uidl_table_free(&table);
			continue;
		}
		if (result != 0)
			fail_msg("%s: %s", c->what, error.text);
		uidl_table_sort(&table);
		for (size_t row = 0; row < table.count; row++)
			used += (size_t)snprintf(given + used, sizeof(given) - used, "%s=%s ",
			    uidl_row_base(&table, &table.rows[row]), uidl_row_uidl(&table, &table.rows[row]));
		if (strcmp(given, c->gives) != 0)
			fail_msg("%s: %s", c->what, given);
		uidl_table_free(&table);
	}
}

/* UID 258, UIDVALIDITY 1700000123, file name 17.Mx.Host,S=5, GUID aBc. */
static const struct {
	const char *format, *gives;
} formats[] = {
	{ "%08Xu%08Xv", "000001026553f17b" },
	{ "%08Xv%08Xu", "6553f17b00000102" },
	{ "%v.%u", "1700000123.258" },
	{ "%v-%u", "1700000123-258" },
	{ "%u", "258" },
	{ "%f", "17.Mx.Host,S=5" },
	{ "%Mf", "8938a81f2722bd91e14bdd7be6880949" },
	{ "%g", "aBc" },
	{ "%Lg%Ug", "abcABC" },
	{ "%LXv", "6553f17b" },
	{ "%UXv", "6553f17b" },	/* what is upper case first is put into hexadecimal in lower case */
	{ "%XUv", "6553F17B" },
	{ "%Rg", "cBa" },
	{ "%Xg", "0" },		/* no number */
	{ "%2u", "25" },
	{ "%05u", "00258" },
	{ "%02u", "258" },
	{ "%1.2u", "58" },
	{ "%-2.1u", "5" },
	{ "%-9.u", "258" },
	{ "%0.-1u", "25" },
	{ "%5.u", "" },
	{ "%2.03v", "00000123" },
	{ "100%%", "100%" },
	{ "%{uid}-%{uidvalidity}", "258-1700000123" },
	{ "%X{uid}", "102" },
	{ "%{uid | hex(8)}%{uidvalidity | hex(8)}", "000001026553f17b" },
	{ "%{guid|upper}", "ABC" },
	{ "%m", "!mbox alone" },
	{ "%{md5}", "!only uid" },
	{ "%{uid", "!not closed" },
	{ "%{uid | sha1}", "!as filters" },
	{ "%{uid | hex(9999)}", "!as filters" },
	{ "%Hf", "!are known" },
	{ "%", "!are known" },
	{ "%999999999999999999999u", "!too large a width" },
	{ "%LLLLLLLLLLLLLLLLu", "!too many modifiers" },
	{ "", "!it is empty" },
	{ "0123456789012345678901234567890123456789", "!too long" },
};

static void
test_formats(void **state)
{
	static const struct uidl_values values = { .uid = 258, .validity = 1700000123,
		.filename = "17.Mx.Host,S=5", .guid = "aBc" };

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct uidl_format format;
		struct error error = { .text = "no error" };
		char uidl[UIDL_TEXT_SIZE];
		int result = uidl_format_parse(&format, formats[i].format, &error);

		if (formats[i].gives[0] == '!') {
			if (result == 0 || strstr(error.text, formats[i].gives + 1) == NULL)
				fail_msg("%s: %s", formats[i].format, error.text);
			continue;
		}
		if (result != 0)
			fail_msg("%s: %s", formats[i].format, error.text);
		assert_int_equal(uidl_format_apply(&format, &values, uidl), strlen(formats[i].gives));
		if (strcmp(uidl, formats[i].gives) != 0)
			fail_msg("%s: %s", formats[i].format, uidl);
	}
}

/* A UIDL that grows without end is refused, not cut. */
static void
test_format_that_does_not_fit(void **state)
{
	struct uidl_values values = { .filename = "x", .guid = "x" };
	struct uidl_format format;
	char uidl[UIDL_TEXT_SIZE];
	struct error error;

	(void)state;
	assert_int_equal(uidl_format_parse(&format, "%0255u%0255u%0255u%0255u%03u", &error), 0);
	assert_int_equal(uidl_format_apply(&format, &values, uidl), 1023);
	assert_int_equal(uidl_format_parse(&format, "%0255u%0255u%0255u%0255u%04u", &error), 0);
	assert_int_equal(uidl_format_apply(&format, &values, uidl), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_format_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
