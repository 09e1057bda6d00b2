/* The delivery locks against other processes: who waits for whom, and what is left behind. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "store/mbox_lock.h"
#include "store/mbox_world.h"

#define A ENVELOPE "Subject: a\n\nalpha\n\n"
#define B ENVELOPE "Subject: b\n\nbeta\n\n"

static int
setup(void **state)
{
	if (world_begin(state) != 0)
		return -1;
	world_put(A B);
	mbox_lock_wait_milliseconds = 60;
	return 0;
}

/* A process that holds an fcntl lock of that type on the mbox, as Postfix does. */
static pid_t
kernel_lock_elsewhere(short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
	int ready[2];
	char octet;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		int file = open(world_mbox, O_RDWR);

		if (fcntl(file, F_SETLK, &lock) == 0)
			(void)!write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	return child;
}

static void
end(pid_t child)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void
test_fcntl_lock_of_another(void **state)
{
	struct error error;
	struct store *store = NULL;
	pid_t writer = kernel_lock_elsewhere(F_WRLCK), reader;

	(void)state;
	assert_int_equal(store_open(&store, world_place, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	end(writer);
	reader = kernel_lock_elsewhere(F_RDLCK);
	store_close(world_open());
	assert_int_equal(world_remove(1, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	world_assert_content(A B);
	end(reader);
	assert_int_equal(world_remove(1, &error), 0);
	world_assert_content(B);
}

static void
dot_make(const char *content)
{
	FILE *file = fopen(world_path("", ".lock"), "w");

	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	fclose(file);
}

/* While it waits for the dot lock the fcntl lock is free: another order cannot end in a deadlock. */
static void
test_dot_lock_of_another(void **state)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct error error;
	struct store *store = NULL;
	int file = open(world_mbox, O_RDWR | O_CLOEXEC), status;
	pid_t child;

	(void)state;
	dot_make("1\n");
	assert_int_equal(store_open(&store, world_place, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_true(world_has("", ".lock"));
	mbox_lock_wait_milliseconds = 60000;
	child = fork();
	if (child == 0)
		_exit(store_open(&store, world_place, &error) == 0 && store->count == 2 ? 0 : 1);
	/* The other program, which has the dot lock, gets the second one and lets go of both. */
	assert_int_equal(fcntl(file, F_SETLKW, &lock), 0);
	assert_int_equal(unlink(world_path("", ".lock")), 0);
	close(file);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_false(world_has("", ".lock"));
}

static void
test_stale_dot_locks(void **state)
{
	struct timespec old[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };

	(void)state;
	dot_make("999999\n");
	clock_gettime(CLOCK_REALTIME, &old[1]);
	old[1].tv_sec -= 301;
	assert_int_equal(utimensat(AT_FDCWD, world_path("", ".lock"), old, 0), 0);
	store_close(world_open());
	assert_false(world_has("", ".lock"));
	/* Ours, from a process that died: nobody has the fcntl lock. */
	dot_make("999999\nrestante\n");
	store_close(world_open());
	assert_false(world_has("", ".lock"));
}

/* kill -9 between the making of the dot lock and the writing of its text; an empty one of another program counts. */
static void
test_empty_dot_locks(void **state)
{
	int file = open(world_mbox, O_RDWR | O_CLOEXEC);
	struct store *store = NULL;
	struct mbox_lock lock;
	struct error error;

	(void)state;
	assert_int_equal(mbox_lock_take(&lock, file, world_mbox, MBOX_LOCK_WRITE, &error), 0);
	assert_int_equal(truncate(world_path("", ".lock"), 0), 0);
	close(file);
	store_close(world_open());
	assert_false(world_has("", ".lock"));
	dot_make("");
	assert_int_equal(store_open(&store, world_place, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_true(world_has("", ".lock"));
}

/* Both are held while they are held, in this order, and both are gone afterwards. */
static void
test_both_are_held(void **state)
{
	struct mbox_lock lock;
	struct error error;
	int file = open(world_mbox, O_RDWR | O_CLOEXEC), again = open(world_mbox, O_RDWR | O_CLOEXEC);
	struct flock other = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	(void)state;
	assert_int_equal(mbox_lock_take(&lock, file, world_mbox, MBOX_LOCK_WRITE, &error), 0);
	assert_true(lock.dotted && world_has("", ".lock"));
	assert_int_equal(fcntl(file, F_GETLK, &other), 0);
	assert_int_equal(other.l_type, F_WRLCK);
	/* What other threads of this process close does not end it. */
	close(again);
	other = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	assert_int_equal(fcntl(file, F_GETLK, &other), 0);
	assert_int_equal(other.l_type, F_WRLCK);
	mbox_lock_drop(&lock);
	assert_false(world_has("", ".lock"));
	other = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	assert_int_equal(fcntl(file, F_GETLK, &other), 0);
	assert_int_equal(other.l_type, F_UNLCK);
	close(file);
}

/* In a directory where no file can be made fcntl has to do, and the log says so once. */
static int
open_twice(void *context)
{
	int *log = context;
	char text[4096] = "";
	char *line;

	log_open("test", log[1], LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	store_close(world_open());
	store_close(world_open());
	if (read(log[0], text, sizeof(text) - 1) <= 0 || (line = strstr(text, "no-dot-lock")) == NULL)
		return 1;
	return strstr(line + 1, "no-dot-lock") != NULL ? 2 : 0;
}

static void
test_no_place_for_a_dot_lock(void **state)
{
	int log[2];

	(void)state;
	assert_int_equal(pipe(log), 0);
	assert_int_equal(world_as_stranger_to_directory(open_twice, log), 0);
	close(log[0]);
	close(log[1]);
}

/* A power failure may leave a lock without content; who held it did not live through that. */
static void
test_age_of_a_dot_lock(void **state)
{
	static const struct {
		time_t modified, now, booted;
		bool too_old;
	} cases[] = {
		{ 1000, 1000, 10, false },
		{ 1000, 1300, 10, false },
		{ 1000, 1301, 10, true },
		{ 1000, 1100, 1050, true },
		{ 1000, 1100, 1002, true },
		{ 1000, 1100, 1001, false },	/* in the second of the boot: nobody knows */
		{ 1000, 900, 10, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (mbox_lock_is_too_old(cases[i].modified, cases[i].now, cases[i].booted) != cases[i].too_old)
			fail_msg("case %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age_of_a_dot_lock),
		cmocka_unit_test_setup(test_fcntl_lock_of_another, setup),
		cmocka_unit_test_setup(test_dot_lock_of_another, setup),
		cmocka_unit_test_setup(test_stale_dot_locks, setup),
		cmocka_unit_test_setup(test_empty_dot_locks, setup),
		cmocka_unit_test_setup(test_both_are_held, setup),
		cmocka_unit_test_setup(test_no_place_for_a_dot_lock, setup),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
