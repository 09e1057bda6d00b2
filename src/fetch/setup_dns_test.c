/* Answers of name servers, whole and broken, and the servers found in them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/setup_dns.h"

#define HEAD(answers) "\0\1\x81\x80\0\1\0" answers "\0\0\0\0"
/* _p.e, SRV, IN; an answer's name is a pointer to it. */
#define QUESTION "\2_p\1e\0\0\x21\0\1"
#define ANSWER   "\xc0\x0c\0\x21\0\1\0\0\0\x3c"
/* Each: priority, weight, port, target. */
#define POP_E   "\0\x0d\0\x0a\0\1\x03\xe3\3pop\1e\0"
#define MX_E    "\0\x0c\0\x0a\0\2\x03\xe3\2mx\1e\0"
#define A_E     "\0\x0b\0\5\0\1\x03\xe3\1a\1e\0"
#define NONE    "\0\7\0\0\0\0\0\0\0"
#define SPACE_E "\0\x0b\0\5\0\1\x03\xe3\1 \1e\0"
#define PORT_0  "\0\x0b\0\5\0\1\0\0\1a\1e\0"

#define MESSAGE(text) (const unsigned char *)(text), sizeof(text) - 1

static const struct {
	const unsigned char *message;
	size_t size;
	const char *hosts;
	bool is_denied;
} cases[] = {
	{ MESSAGE(HEAD("\1") QUESTION ANSWER POP_E), "pop.e:995 ", false },
	/* By priority, then by weight. */
	{ MESSAGE(HEAD("\3") QUESTION ANSWER POP_E ANSWER MX_E ANSWER A_E), "a.e:995 mx.e:995 pop.e:995 ",
	    false },
	{ MESSAGE(HEAD("\1") QUESTION ANSWER NONE), "", true },
	{ MESSAGE(HEAD("\2") QUESTION ANSWER SPACE_E ANSWER A_E), "a.e:995 ", false },
	{ MESSAGE(HEAD("\1") QUESTION ANSWER PORT_0), "", false },
	{ MESSAGE(HEAD("\0") QUESTION), "", false },
	{ MESSAGE(HEAD("\1") QUESTION), "", false },
	{ MESSAGE(HEAD("\1") QUESTION ANSWER "\0\6\0\5\0\1\x03\xe3"), "", false },
	/* A target that points at itself, one beyond the message, one that is longer than its record. */
	{ MESSAGE(HEAD("\1") QUESTION ANSWER "\0\x08\0\5\0\1\x03\xe3\xc0\x26"), "", false },
	{ MESSAGE(HEAD("\1") QUESTION ANSWER "\0\x08\0\5\0\1\x03\xe3\xc0\xff"), "", false },
	{ MESSAGE("\0\1"), "", false },
	{ MESSAGE(""), "", false },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Of its own length, so that a look behind its end is seen. */
		unsigned char *copy = malloc(cases[i].size + 1);
		struct srv found[4];
		char text[4 * sizeof(found)] = "";
		bool is_denied = !cases[i].is_denied;
		size_t count;

		memcpy(copy, cases[i].message, cases[i].size);
		copy = realloc(copy, cases[i].size > 0 ? cases[i].size : 1);
		count = srv_parse(copy, cases[i].size, found, 4, &is_denied);
		for (size_t n = 0; n < count; n++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s:%u ", found[n].host,
			    found[n].port);
		if (strcmp(text, cases[i].hosts) != 0 || is_denied != cases[i].is_denied)
			fail_msg("case %zu: %s", i, text);
		free(copy);
	}
}

static void
test_max(void **state)
{
	struct srv found[1];
	bool is_denied;

	(void)state;
	assert_int_equal(
	    srv_parse(MESSAGE(HEAD("\2") QUESTION ANSWER POP_E ANSWER MX_E), found, 1, &is_denied), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_max) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
