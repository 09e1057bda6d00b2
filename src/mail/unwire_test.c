/* Messages off the wire: the same comes out however the octets are cut, and what wire.c sends comes back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mail/unwire.h"
#include "mail/wire.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* message NULL: it is not at its end. rest: what is behind the final dot. */
static const struct {
	const char *input;
	bool lf_only;
	const char *message, *rest;
} cases[] = {
	{ ".\r\n", false, "", "" },
	{ ".\r\n+OK\r\n", false, "", "+OK\r\n" },
	{ "a\r\n.\r\n", false, "a\r\n", "" },
	{ "a\r\n\r\nb\r\n.\r\n.\r\n", false, "a\r\n\r\nb\r\n", ".\r\n" },
	{ "..\r\n.\r\n", false, ".\r\n", "" },
	{ "...a\r\n..b\r\n.\r\n", false, "..a\r\n.b\r\n", "" },
	/* A dot that was not doubled is taken off all the same (RFC 1939, section 3). */
	{ ".a\r\n.\r\n", false, "a\r\n", "" },
	{ ".\ra\r\n.\r\n", false, "\ra\r\n", "" },
	{ ".\r\r\n.\r\n", false, "\r\r\n", "" },
	{ "..\r\r\n.\r\n", false, ".\r\r\n", "" },
	/* An LF alone is no line end where the server's lines end with CRLF, nor is a CR alone. */
	{ "a\n.\nb\r\n.\r\n", false, "a\n.\nb\r\n", "" },
	{ "a\n.\r\nb\r\n.\r\n", false, "a\n.\r\nb\r\n", "" },
	{ "a\r.\r\nb\r\n.\r\n", false, "a\r.\r\nb\r\n", "" },
	{ "a\r\n.\nb\r\n.\r\n", false, "a\r\n\nb\r\n", "" },
	{ "\n.\r\n.\r\n", false, "\n.\r\n", "" },
	{ "\r\n.\r\n", false, "\r\n", "" },
	{ "a\n\r\n.\r\n", false, "a\n\r\n", "" },
	{ "a.\r\nb.c\r\n.\r\n", false, "a.\r\nb.c\r\n", "" },
	{ "a\r\n.", false, NULL, NULL },
	{ "a\r\n.\r", false, NULL, NULL },
	{ "a\n.\n", false, NULL, NULL },
	{ "", false, NULL, NULL },
	/* A server that ends its lines with LF. */
	{ ".\n", true, "", "" },
	{ "a\n.\n+OK\n", true, "a\n", "+OK\n" },
	{ "a\n..\n.\n", true, "a\n.\n", "" },
	{ "a\r\n.\r\n", true, "a\r\n", "" },
	{ "a\n..b\n.\n", true, "a\n.b\n", "" },
};

/* Octets of the message, or -1 where it does not end; *rest is what is left of the input. */
static long
unwire(const char *input, size_t size, size_t piece, bool lf_only, char *output, const char **rest)
{
	struct unwire unwire;
	size_t used = 0;

	unwire_begin(&unwire, lf_only);
	for (size_t offset = 0; offset < size; offset += piece) {
		const char *next = input + offset, *text;
		size_t left = piece < size - offset ? piece : size - offset, length;
		enum unwire_status status;

		while ((status = unwire_take(&unwire, &next, &left, &text, &length)) == UNWIRE_PIECE) {
			assert_true(length > 0);
			memcpy(output + used, text, length);
			used += length;
		}
		*rest = next;
		if (status == UNWIRE_END)
			return (long)used;
		assert_int_equal(left, 0);
	}
	return -1;
}

static void
test_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t size = strlen(cases[i].input);

		for (size_t piece = 1; piece <= size + 1; piece++) {
			char output[100];
			const char *rest = "";
			long length = unwire(cases[i].input, size, piece, cases[i].lf_only, output, &rest);

			if (cases[i].message == NULL) {
				assert_int_equal(length, -1);
				continue;
			}
			if (length != (long)strlen(cases[i].message) ||
			    memcmp(output, cases[i].message, (size_t)length) != 0)
				fail_msg("case %zu in pieces of %zu: \"%.*s\"", i, piece, (int)length, output);
			assert_string_equal(rest, cases[i].rest);
		}
	}
}

/* Every text of five octets out of those that matter, sent by wire.c. */
static void
test_what_was_sent_comes_back(void **state)
{
	static const char octets[] = "\r\n.a";

	(void)state;
	for (unsigned number = 0; number < 1 << 10; number++) {
		char text[5], stored[20], sent[40], back[40];
		const char *rest;
		struct writer w;
		struct wire wire;
		size_t used = 0;
		long length;

		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = octets[number >> 2 * i & 3];
		writer_init(&w, sent, sizeof(sent), NULL, NULL);
		wire_begin(&wire, UINT64_MAX);
		assert_true(wire_put(&wire, &w, text, sizeof(text)));
		wire_end(&wire, &w);
		/* What wire.c makes of it, by its rules: each LF with a CR before it, the last line ended. */
		for (unsigned i = 0; i < sizeof(text); i++) {
			if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
				stored[used++] = '\r';
			stored[used++] = text[i];
		}
		if (text[4] != '\n' && text[4] != '\r')
			stored[used++] = '\r';
		if (text[4] != '\n')
			stored[used++] = '\n';
		for (size_t piece = 1; piece <= w.used; piece++) {
			length = unwire(sent, w.used, piece, false, back, &rest);
			if (length != (long)used || memcmp(back, stored, used) != 0)
				fail_msg("text %u in pieces of %zu", number, piece);
			assert_ptr_equal(rest, sent + w.used);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_of_every_size),
		cmocka_unit_test(test_what_was_sent_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
