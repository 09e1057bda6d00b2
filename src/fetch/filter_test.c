/* Commands that say something, and commands that fail in any way: these decide nothing. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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

/* Also what the command has started, which may hold its output open for ever. */
static void
test_late_one_is_ended_whole(void **state)
{
	char path[] = "/tmp/filter-test-XXXXXX", command[200];
	int file = mkstemp(path), pid = 0, turns = 0;
	enum filter_verdict verdict;
	struct error error;
	FILE *stream;

	(void)state;
	assert_true(file >= 0);
	snprintf(command, sizeof(command), "echo $$ > %s; sleep 1000 & wait", path);
	assert_int_equal(filter_ask(&verdict, command, "", "", 0, HEADER, strlen(HEADER), 1, &error), -1);
	stream = fdopen(file, "r");
	assert_non_null(stream);
	assert_int_equal(fscanf(stream, "%d", &pid), 1);
	fclose(stream);
	unlink(path);
	assert_true(pid > 1);
	/* Whoever has taken in the orphan buries it. */
	while (kill(-pid, 0) == 0 && ++turns < 6000)
		usleep(10000);
	assert_true(turns < 6000);
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
		cmocka_unit_test(test_late_one_is_ended_whole),
		cmocka_unit_test(test_header_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
