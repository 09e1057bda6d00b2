/* Commands that say something, and commands that fail in any way: these decide nothing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/filter.h"

#define HEADER "From: x@y\r\nSubject: spam\r\n\r\n"

static const struct {
	const char *command;
	int verdict;       /* -1: none */
	const char *words; /* of the error */
} rows[] = {
	{ "echo fetch", FILTER_FETCH, NULL },
	{ "echo skip because", FILTER_SKIP, NULL },
	{ "printf ' \\r\\n delete'", FILTER_DELETE, NULL },
	{ "if grep -q '^Subject: spam'; then echo delete; else echo fetch; fi", FILTER_DELETE, NULL },
	{ "test \"$RESTANTE_ACCOUNT $RESTANTE_UIDL $RESTANTE_SIZE\" = 'work u1 99' && echo skip", FILTER_SKIP,
	    NULL },
	{ "echo fetch; yes | head -c 100000", FILTER_FETCH, NULL },
	{ "true", -1, "neither" },
	{ "echo deleted", -1, "`deleted`" },
	{ "echo DELETE", -1, "`DELETE`" },
	{ "echo delete; exit 1", -1, "status 1" },
	{ "echo delete; kill -9 $$", -1, "signal 9" },
	{ "/nonexistent/filter", -1, "status 127" },
	{ "echo delete; sleep 1000", -1, "longer than 1 second" },
	{ "echo delete >&2; exit 0", -1, "neither" },
};

static void
test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum filter_verdict verdict = (enum filter_verdict)77;
		struct error error = { .text = "" };
		int outcome = filter_ask(&verdict, rows[i].command, "work", "u1", 99, HEADER, strlen(HEADER),
		    strstr(rows[i].command, "sleep") != NULL ? 1 : 60, &error);

		if (outcome != (rows[i].verdict < 0 ? -1 : 0) ||
		    (int)verdict != (rows[i].verdict < 0 ? 77 : rows[i].verdict) ||
		    (rows[i].words != NULL && strstr(error.text, rows[i].words) == NULL))
			fail_msg("%s: %d, verdict %d, %s", rows[i].command, outcome, (int)verdict, error.text);
	}
}

static void
test_header_that_nobody_reads(void **state)
{
	size_t size = 1 << 20;
	char *header = calloc(1, size);
	enum filter_verdict verdict;
	struct error error;

	(void)state;
	assert_non_null(header);
	assert_int_equal(filter_ask(&verdict, "echo skip", "", "", 0, header, size, 60, &error), 0);
	assert_int_equal(verdict, FILTER_SKIP);
	free(header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_header_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
