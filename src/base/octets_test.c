/* Octets through a pipe that takes few at a time, with signals meanwhile. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/octets.h"

#define SIZE ((size_t)1 << 20)

static char sent[SIZE], got[SIZE + 1];

static void
on_alarm(int number)
{
	(void)number;
}

/* Interrupts both ends from now on. */
static void
signals_begin(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 100 }, { 0, 100 } };

	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void
test_pieces(void **state)
{
	int ends[2], status;
	pid_t child;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)(i * 7 + i / 251);
	assert_int_equal(pipe(ends), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		signals_begin();
		_exit(octets_write(ends[1], sent, SIZE));
	}
	close(ends[1]);
	usleep(50000);	/* until the pipe is full, so that signals find the child with nothing written */
	signals_begin();
	assert_int_equal(octets_read(ends[0], got, SIZE + 1), SIZE);
	assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL), 0);
	assert_memory_equal(got, sent, SIZE);
	assert_int_equal(octets_read(ends[0], got, 1), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ends[0]);
}

static void
test_failures(void **state)
{
	int directory = open("/", O_RDONLY | O_DIRECTORY), full = open("/dev/full", O_WRONLY);

	(void)state;
	assert_int_equal(octets_read(directory, got, 1), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(octets_write(full, sent, 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(octets_write(-1, sent, 0), 0);
	close(directory);
	close(full);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
