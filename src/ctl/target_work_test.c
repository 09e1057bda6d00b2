/*
 * Work in a child process: what it leaves comes back, and whatever its owner does with it, the one
 * who waits goes on.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/migration.h"

#define SOMEBODY 20000

struct answer {
	int number;
	uid_t uid;
	char text[100000];	/* more than a pipe holds */
};

static void
answers(const struct target *target, void *question, void *answer)
{
	struct answer *a = answer;

	(void)target;
	a->number = *(const int *)question + 1;
	a->uid = geteuid();
	memset(a->text, 'x', sizeof(a->text));
}

static void
stops(const struct target *target, void *question, void *answer)
{
	answers(target, question, answer);
	raise(SIGSTOP);
}

static void
dies(const struct target *target, void *question, void *answer)
{
	answers(target, question, answer);
	raise(SIGKILL);
}

/* Is a directory that was opened before still open? */
static void
counts_descriptors(const struct target *target, void *question, void *answer)
{
	answers(target, question, answer);
	((struct answer *)answer)->number = 0;
	for (int i = 3; i < 100; i++)
		((struct answer *)answer)->number += fcntl(i, F_GETFD) >= 0;
}

static void
test_endings(void **state)
{
	static const struct {
		void (*work)(const struct target *, void *question, void *answer);
		unsigned patience_seconds;
		int result, number;
		const char *says;
	} cases[] = {
		{ answers, 600, 0, 42, NULL },
		{ stops, 1, 1, 0, "its process was killed after 1 seconds" },
		{ dies, 600, 1, 0, "its process ended before its time" },
		{ counts_descriptors, 600, 0, 1, NULL },
	};
	const struct config config = { .first_uid = 1, .last_uid = 60000 };
	const struct target target = { .name = "x", .uid = geteuid() == 0 ? SOMEBODY : geteuid(),
		.gid = geteuid() == 0 ? SOMEBODY : getegid() };
	int opened[] = { open("/", O_PATH | O_CLOEXEC), open("/", O_PATH | O_CLOEXEC) }, question = 41;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct answer answer;
		struct target_job job = { cases[i].work, &question, &answer, sizeof(answer),
			cases[i].patience_seconds };
		struct error error = { .kind = ERROR_NONE };

		memset(&answer, 0, sizeof(answer));
		assert_int_equal(target_work(&config, &target, &job, &error), cases[i].result);
		if (cases[i].result == 0) {
			assert_int_equal(answer.number, cases[i].number);
			assert_int_equal(answer.uid, target.uid);
			assert_int_equal(answer.text[sizeof(answer.text) - 1], 'x');
		} else {
			assert_string_equal(error.text, cases[i].says);
		}
		/* Nothing is left behind. */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
	close(opened[0]);
	close(opened[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
