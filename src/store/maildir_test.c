/*
 * Real Maildirs in a private directory: what is listed, in which order, what other programs may do
 * meanwhile, and who is kept out.
 */

#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/maildir_world.h"

static void
directory_make(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", world_root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
assert_message(struct store *store, size_t index, const char *uidl, uint64_t size, const char *text)
{
	struct message message;
	struct error error;
	char buffer[200];
	ssize_t n;

	assert_true(index < store->count);
	assert_int_equal(store_message(store, index, &message, &error), 0);
	assert_int_equal(message.uidl_size, strlen(uidl));
	assert_memory_equal(message.uidl, uidl, message.uidl_size);
	assert_int_equal(message.size, size);
	n = store_read(store, index, 0, buffer, sizeof(buffer), &error);
	assert_int_equal(n, (ssize_t)strlen(text));
	assert_memory_equal(buffer, text, (size_t)n);
	assert_int_equal(store_read(store, index, (uint64_t)n, buffer, sizeof(buffer), &error), 0);
}

static void
uidl_copy(struct store *store, size_t index, char uidl[UIDL_SIZE])
{
	struct message message;
	struct error error;

	assert_int_equal(store_message(store, index, &message, &error), 0);
	snprintf(uidl, UIDL_SIZE, "%.*s", (int)message.uidl_size, message.uidl);
}

static void
test_listing(void **state)
{
	struct store *store;

	(void)state;
	world_put("cur/20.b.mx:2,S", "b\n");
	world_put("new/20.a.mx", "a");
	world_put("new/3.old.mx", "x\r\ny\n");
	world_put("cur/100.new.mx,S=2,W=77:2,", "z\n");
	world_put("cur/name with space:2,", "s\n");
	world_put("tmp/1.unfinished", "no\n");
	world_put("cur/.hidden", "no\n");
	world_put("dovecot.index", "no\n");
	directory_make("cur/10.directory");
	store = world_open();
	assert_int_equal(store->count, 5);
	assert_message(store, 1, "3.old.mx", 6, "x\r\ny\n");
	assert_message(store, 2, "20.a.mx", 3, "a");
	assert_message(store, 3, "20.b.mx", 3, "b\n");
	assert_message(store, 4, "100.new.mx", 77, "z\n");
	store_close(store);
	assert_true(world_has("cur/20.b.mx:2,S"));
	assert_true(world_has("new/20.a.mx"));
	assert_true(world_has("tmp/1.unfinished"));
}

static void
test_symlinks_are_left_alone(void **state)
{
	struct store *store;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/new/1.link", world_root);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/new/2.fifo", world_root);
	assert_int_equal(mkfifo(path, 0600), 0);
	store = world_open();
	assert_int_equal(store->count, 0);
	store_close(store);
}

static void
test_uidl_outlives_flags_and_sizes(void **state)
{
	char first[UIDL_SIZE], second[UIDL_SIZE];
	struct store *store;

	(void)state;
	world_put("new/7.M1P1.mx", "a\n");
	store = world_open();
	uidl_copy(store, 0, first);
	store_close(store);
	world_move("new/7.M1P1.mx", "cur/7.M1P1.mx,S=2,W=3:2,RS");
	store = world_open();
	uidl_copy(store, 0, second);
	assert_string_equal(second, first);
	store_close(store);
}

static void
test_equal_unique_parts_get_different_uidls(void **state)
{
	char uidls[4][UIDL_SIZE];
	struct store *store;

	(void)state;
	world_put("cur/7.M1P1.mx,S=1:2,", "a\n");
	world_put("cur/7.M1P1.mx,S=2:2,", "b\n");
	world_put("cur/7.M1P1.mx+x:2,", "c\n");
	world_put("new/7.M1P1.mx,S=1", "d\n");
	store = world_open();
	assert_int_equal(store->count, 4);
	for (size_t i = 0; i < 4; i++) {
		uidl_copy(store, i, uidls[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(uidls[i], uidls[j]);
	}
	store_close(store);
}

static void
test_same_file_in_new_and_cur_is_one_message(void **state)
{
	char from[256], to[256];
	struct store *store;

	(void)state;
	world_put("new/7.M1P1.mx", "a\n");
	snprintf(from, sizeof(from), "%s/new/7.M1P1.mx", world_root);
	snprintf(to, sizeof(to), "%s/cur/7.M1P1.mx:2,S", world_root);
	assert_int_equal(link(from, to), 0);
	store = world_open();
	assert_int_equal(store->count, 1);
	store_close(store);
}

/* Two files with one name, as a careless restore makes them: one goes, the other is not taken for it. */
static void
test_a_namesake_is_another_message(void **state)
{
	const bool marked[] = { true, false };
	char buffer[10], path[256], before[UIDL_SIZE], after[UIDL_SIZE];
	struct store *store;
	struct error error;

	(void)state;
	world_put("new/7.M1P1.mx", "first\n");
	world_put("cur/7.M1P1.mx:2,S", "second\n");
	store = world_open();
	assert_int_equal(store->count, 2);
	uidl_copy(store, 1, before);
	snprintf(path, sizeof(path), "%s/new/7.M1P1.mx", world_root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_read(store, 0, 0, buffer, sizeof(buffer), &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	assert_int_equal(store_remove(store, marked, &error), 0);
	assert_true(world_has("cur/7.M1P1.mx:2,S"));
	store_close(store);
	store = world_open();
	assert_int_equal(store->count, 1);
	uidl_copy(store, 0, after);
	assert_string_equal(before, after);
	store_close(store);
}

/* As a crash in the middle of a rename may leave it on a file system without a journal. */
static void
test_a_message_with_two_names_is_removed_whole(void **state)
{
	const bool marked[] = { true };
	struct error error;
	struct store *store;
	char from[256], to[256];

	(void)state;
	world_put("new/7.M1P1.mx", "a\n");
	snprintf(from, sizeof(from), "%s/new/7.M1P1.mx", world_root);
	snprintf(to, sizeof(to), "%s/cur/7.M1P1.mx:2,S", world_root);
	assert_int_equal(link(from, to), 0);
	store = world_open();
	assert_int_equal(store->count, 1);
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_close(store);
	assert_false(world_has("new/7.M1P1.mx"));
	assert_false(world_has("cur/7.M1P1.mx:2,S"));
}

static void
test_messages_that_move_are_found_again(void **state)
{
	const bool marked[] = { false, true, false };
	struct error error;
	struct store *store;

	(void)state;
	world_put("new/1.a", "a\n");
	world_put("cur/2.b:2,", "b\n");
	world_put("new/3.c", "c\n");
	store = world_open();
	world_move("new/1.a", "cur/1.a:2,S");
	assert_message(store, 0, "1.a", 3, "a\n");
	world_move("cur/1.a:2,S", "cur/1.a:2,RS");
	assert_message(store, 0, "1.a", 3, "a\n");
	world_move("cur/2.b:2,", "cur/2.b:2,FS");
	assert_int_equal(store_remove(store, marked, &error), 0);
	assert_false(world_has("cur/2.b:2,FS"));
	assert_true(world_has("cur/1.a:2,RS"));
	assert_true(world_has("new/3.c"));
	store_close(store);
}

static void
test_a_message_that_vanished_is_gone(void **state)
{
	const bool marked[] = { true, false };
	struct error error;
	struct store *store;
	char buffer[10], path[256];

	(void)state;
	world_put("new/1.a", "a\n");
	world_put("new/2.b", "b\n");
	store = world_open();
	snprintf(path, sizeof(path), "%s/new/1.a", world_root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_read(store, 0, 0, buffer, sizeof(buffer), &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	assert_message(store, 1, "2.b", 3, "b\n");
	assert_int_equal(store_remove(store, marked, &error), 0);
	assert_true(world_has("new/2.b"));
	store_close(store);
}

static void
test_mail_that_arrives_waits(void **state)
{
	const bool marked[] = { true };
	struct error error;
	struct store *store;

	(void)state;
	world_put("new/5.a", "a\n");
	store = world_open();
	world_put("new/1.b", "b\n");
	assert_message(store, 0, "5.a", 3, "a\n");
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_close(store);
	store = world_open();
	assert_int_equal(store->count, 1);
	assert_message(store, 0, "1.b", 3, "b\n");
	store_close(store);
}

/* Sizes that were counted by several threads: each message has its own, whatever it takes to read it. */
static void
test_many_are_counted(void **state)
{
	static char text[300000];
	struct store *store;

	(void)state;
	for (size_t i = 0; i < 150; i++) {
		char name[32];
		/* Some names tell it, some files are empty, some take several reads. */
		size_t lines = i % 50 == 49 ? sizeof(text) / 2 - i : i % 30;

		for (size_t line = 0; line < lines; line++)
			memcpy(text + 2 * line, "a\n", 2);
		text[2 * lines] = '\0';
		snprintf(name, sizeof(name), i % 7 == 6 ? "new/%zu.a,W=%zu" : "cur/%zu.a:2,S", i + 1, 3 * lines);
		world_put(name, text);
	}
	store = world_open();
	assert_int_equal(store->count, 150);
	for (size_t i = 0; i < 150; i++) {
		struct message message;
		struct error error;

		assert_int_equal(store_message(store, i, &message, &error), 0);
		assert_int_equal(message.size, 3 * (i % 50 == 49 ? sizeof(text) / 2 - i : i % 30));
	}
	store_close(store);
}

static size_t
count_descriptors(void)
{
	size_t count = 0;

	for (int i = 0; i < 1000; i++)
		count += fcntl(i, F_GETFD) >= 0;
	return count;
}

/* Messages that are fetched ahead are the same, in any order; no descriptor stays open. */
static void
test_reading_ahead(void **state)
{
	static const size_t order[] = { 0, 1, 2, 3, 4, 5, 2, 2 };
	size_t descriptors = count_descriptors(), open_descriptors;
	struct store *store;
	struct error error;
	char buffer[1];

	(void)state;
	for (int i = 0; i < 6; i++) {
		char name[16], text[16];

		snprintf(name, sizeof(name), "new/%d.a", i + 1);
		snprintf(text, sizeof(text), i < 3 ? "%d\n" : "%d\r\n", i);
		world_put(name, text);
	}
	store = world_open();
	world_move("new/5.a", "cur/5.a:2,S");
	open_descriptors = count_descriptors();
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		store_ahead(store, order[i]);	/* more than are kept */
	assert_true(count_descriptors() > open_descriptors);
	assert_true(count_descriptors() <= open_descriptors + STORE_AHEAD_MAX);
	for (size_t i = 6; i-- > 0;) {
		char name[16], text[16];

		snprintf(name, sizeof(name), "%zu.a", i + 1);
		snprintf(text, sizeof(text), i < 3 ? "%zu\n" : "%zu\r\n", i);
		if (i == 3) {
			int file = store_file(store, 3);

			assert_true(file >= 0);
			close(file);
		}
		assert_message(store, i, name, 3, text);
	}
	assert_int_equal(count_descriptors(), open_descriptors);
	/* The beginning was read, as for TOP, and then the rest is asked for. */
	assert_int_equal(store_read(store, 2, 0, buffer, 1, &error), 1);
	store_ahead(store, 2);
	assert_message(store, 2, "3.a", 3, "2\n");
	assert_int_equal(count_descriptors(), open_descriptors);
	store_ahead(store, 0);
	store_ahead(store, 1);
	store_close(store);
	assert_int_equal(count_descriptors(), descriptors);
}

/* It is refused when its turn comes. */
static void
test_reading_ahead_what_has_vanished(void **state)
{
	struct error error;
	struct store *store;
	char buffer[10], path[256];

	(void)state;
	world_put("new/1.a", "a\n");
	store = world_open();
	snprintf(path, sizeof(path), "%s/new/1.a", world_root);
	assert_int_equal(unlink(path), 0);
	store_ahead(store, 0);
	assert_int_equal(store_read(store, 0, 0, buffer, sizeof(buffer), &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	store_close(store);
}

static void
test_the_lock_excludes_this_and_other_processes(void **state)
{
	struct store *store = world_open(), *second = NULL;
	struct error error;
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(store_open(&second, world_place, &error), -1);
	assert_int_equal(error.kind, ERROR_BUSY);
	child = fork();
	if (child == 0)
		_exit(store_open(&second, world_place, &error) == -1 && error.kind == ERROR_BUSY ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	store_close(store);
	store = world_open();
	store_close(store);
}

static void
test_the_kernel_frees_a_dead_holders_lock(void **state)
{
	struct store *store;
	int ready[2], status;
	pid_t child;
	char octet;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		world_open();
		(void)!write(ready[1], "x", 1);
		pause();
	}
	assert_int_equal(read(ready[0], &octet, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	store = world_open();
	store_close(store);
	close(ready[0]);
	close(ready[1]);
}

static void
test_places_that_cannot_be_opened(void **state)
{
	static const struct {
		const char *place;
		int result;
		enum error_kind kind;
	} cases[] = {
		{ "maildir:/tmp/restante-no-such-maildir", 0, ERROR_NONE },
		{ "maildir:/nonexistent/restante/Maildir", -1, ERROR_TEMPORARY },
		{ "maildir:/etc/passwd", -1, ERROR_PERMANENT },
		{ "maildir:", -1, ERROR_PERMANENT },
		{ "mbax:/tmp/x", -1, ERROR_PERMANENT },
		{ "", -1, ERROR_PERMANENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = { .kind = ERROR_NONE };
		struct store *store = NULL;

		assert_int_equal(store_open(&store, cases[i].place, &error), cases[i].result);
		assert_int_equal(error.kind, cases[i].kind);
		if (cases[i].result == 0)
			assert_int_equal(store->count, 0);
		store_close(store);
	}
}

static void
test_a_removal_that_fails_is_told(void **state)
{
	const bool marked[] = { true, true };
	struct error error;
	struct store *store;
	char path[256];

	(void)state;
	world_put("new/1.a", "a\n");
	world_put("cur/2.b:2,", "b\n");
	store = world_open();
	/* A directory where the file was: unlink() fails with EISDIR, for root too. */
	snprintf(path, sizeof(path), "%s/new/1.a", world_root);
	assert_int_equal(unlink(path), 0);
	directory_make("new/1.a");
	assert_int_equal(store_remove(store, marked, &error), -1);
	assert_false(world_has("cur/2.b:2,"));
	store_close(store);
}

static void
test_a_missing_new_or_cur_is_empty(void **state)
{
	struct store *store;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/new", world_root);
	assert_int_equal(rmdir(path), 0);
	world_put("cur/2.b:2,", "b\n");
	store = world_open();
	assert_int_equal(store->count, 1);
	store_close(store);
}

/* Another program sets and clears a flag without pause; no reading may miss or double the file. */
static void
test_renames_during_the_scan(void **state)
{
	char a[256], b[256];
	pid_t child;
	int status;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char name[64];

		snprintf(name, sizeof(name), "cur/%d.m,W=5:2,", 100 + i);
		world_put(name, "x\n");
	}
	snprintf(a, sizeof(a), "%s/cur/150.m,W=5:2,", world_root);
	snprintf(b, sizeof(b), "%s/cur/150.m,W=5:2,S", world_root);
	child = fork();
	if (child == 0) {
		for (;;)
			if (rename(a, b) != 0 || usleep(300) != 0 || rename(b, a) != 0 || usleep(300) != 0)
				_exit(1);
	}
	for (int i = 0; i < 300; i++) {
		struct store *store = world_open();

		assert_int_equal(store->count, 200);
		store_close(store);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_listing, world_begin),
		cmocka_unit_test_setup(test_symlinks_are_left_alone, world_begin),
		cmocka_unit_test_setup(test_uidl_outlives_flags_and_sizes, world_begin),
		cmocka_unit_test_setup(test_equal_unique_parts_get_different_uidls, world_begin),
		cmocka_unit_test_setup(test_same_file_in_new_and_cur_is_one_message, world_begin),
		cmocka_unit_test_setup(test_a_namesake_is_another_message, world_begin),
		cmocka_unit_test_setup(test_a_message_with_two_names_is_removed_whole, world_begin),
		cmocka_unit_test_setup(test_messages_that_move_are_found_again, world_begin),
		cmocka_unit_test_setup(test_a_message_that_vanished_is_gone, world_begin),
		cmocka_unit_test_setup(test_mail_that_arrives_waits, world_begin),
		cmocka_unit_test_setup(test_many_are_counted, world_begin),
		cmocka_unit_test_setup(test_reading_ahead, world_begin),
		cmocka_unit_test_setup(test_reading_ahead_what_has_vanished, world_begin),
		cmocka_unit_test_setup(test_the_lock_excludes_this_and_other_processes, world_begin),
		cmocka_unit_test_setup(test_the_kernel_frees_a_dead_holders_lock, world_begin),
		cmocka_unit_test_setup(test_places_that_cannot_be_opened, world_begin),
		cmocka_unit_test_setup(test_a_removal_that_fails_is_told, world_begin),
		cmocka_unit_test_setup(test_a_missing_new_or_cur_is_empty, world_begin),
		cmocka_unit_test_setup(test_renames_during_the_scan, world_begin),
	};
	int result;

	result = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return result;
}
