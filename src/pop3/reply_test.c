/* Replies have their space and their code, and fit into 512 octets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pop3/reply.h"

static void
test_codes(void **state)
{
	static const struct {
		enum error_kind kind;
		const char *reply;
	} cases[] = {
		{ ERROR_TEMPORARY, "-ERR [SYS/TEMP] x\r\n" },
		{ ERROR_PERMANENT, "-ERR [SYS/PERM] x\r\n" },
		{ ERROR_BUSY, "-ERR [IN-USE] x\r\n" },
		{ ERROR_DENIED, "-ERR [AUTH] x\r\n" },
		{ ERROR_GONE, "-ERR x\r\n" },
		{ ERROR_PROTOCOL, "-ERR x\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buffer[100];
		struct writer w;

		writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
		assert_true(reply_failure(&w, cases[i].kind, "x"));
		assert_int_equal(w.used, strlen(cases[i].reply));
		assert_memory_equal(buffer, cases[i].reply, w.used);
	}
}

static void
test_a_space_follows_even_without_text(void **state)
{
	char buffer[20];
	struct writer w;

	(void)state;
	writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
	reply_ok(&w, "%s", "");
	assert_int_equal(w.used, 6);
	assert_memory_equal(buffer, "+OK \r\n", 6);
}

static void
test_a_long_text_is_cut(void **state)
{
	char buffer[2000], text[1500];
	struct writer w;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	writer_init(&w, buffer, sizeof(buffer), NULL, NULL);
	reply_error(&w, "%s", text);
	assert_true(w.used <= 512);
	assert_memory_equal(buffer + w.used - 2, "\r\n", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_a_space_follows_even_without_text),
		cmocka_unit_test(test_a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
