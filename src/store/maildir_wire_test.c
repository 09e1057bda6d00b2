/*
 * Which messages of a Maildir may leave as a file, as they are: those that are known to be in wire
 * form, and only while their file is what it was when that was found out.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "mail/wire.h"
#include "store/maildir_file.h"
#include "store/maildir_world.h"

#define WIRE "Subject: x\r\n\r\nbody\r\n"

static void
assert_file(struct store *store, size_t index, const char *text)
{
	int file = store_file(store, index);
	char buffer[200];

	assert_true(file >= 0);
	assert_int_equal(read(file, buffer, sizeof(buffer)), strlen(text));
	assert_memory_equal(buffer, text, strlen(text));
	close(file);
}

static void
assert_no_file(struct store *store, size_t index)
{
	assert_int_equal(store_file(store, index), -1);
}

/* What RETR does with a message that has no file. */
static void
read_and_send(struct store *store, size_t index)
{
	struct wire wire;
	struct writer w;
	struct error error;
	uint64_t octets;
	char buffer[200], output[400];
	ssize_t n = store_read(store, index, 0, buffer, sizeof(buffer), &error);

	writer_init(&w, output, sizeof(output), NULL, NULL);
	wire_begin(&wire, UINT64_MAX);
	assert_true(n > 0);
	wire_put(&wire, &w, buffer, (size_t)n);
	assert_int_equal(store_read(store, index, (uint64_t)n, buffer, sizeof(buffer), &error), 0);
	octets = wire_end(&wire, &w);
	store_sent(store, index, octets, wire_was_stored_so(&wire));
}

static void
test_counted_messages(void **state)
{
	struct store *store;

	(void)state;
	world_put("cur/1.wire:2,S", WIRE);
	world_put("new/2.lf", "a\nb\n");
	world_put("new/3.dot", "a\r\n.\r\n");
	world_put("new/4.unended", "a\r\nb");
	world_put("new/5.mixed", "a\r\nb\nc\r\n");
	world_put("new/6.empty", "");
	world_put("new/7.wire", WIRE);
	for (int i = 0; i < 2; i++) {	/* counted, and from the index */
		store = world_open();
		assert_int_equal(store->count, 7);
		assert_file(store, 0, WIRE);
		for (size_t index = 1; index < 5; index++)
			assert_no_file(store, index);
		assert_file(store, 5, "");
		assert_file(store, 6, WIRE);
		store_close(store);
	}
}

static void
test_it_is_remembered_when_mail_arrives_and_flags_change(void **state)
{
	struct store *store;

	(void)state;
	world_put("new/1.wire", WIRE);
	store_close(world_open());
	world_put("new/2.wire", WIRE "more\r\n");
	assert_int_equal(renameat(world_directory, "new/1.wire", world_directory, "cur/1.wire:2,S"), 0);
	store = world_open();
	assert_int_equal(renameat(world_directory, "cur/1.wire:2,S", world_directory, "cur/1.wire:2,RS"), 0);
	assert_file(store, 0, WIRE);
	assert_file(store, 1, WIRE "more\r\n");
	store_close(store);
}

/* A name that tells the size spares the counting; the form is learnt when the message is sent. */
static void
test_it_is_learnt_by_sending(void **state)
{
	struct store *store;

	(void)state;
	world_put("new/1.wire,S=20,W=20", WIRE);
	world_put("new/2.lf,S=4,W=6", "a\nb\n");
	store = world_open();
	assert_no_file(store, 0);
	read_and_send(store, 0);
	read_and_send(store, 1);
	assert_no_file(store, 0);	/* an open store does not change */
	store_close(store);
	store = world_open();
	assert_file(store, 0, WIRE);
	assert_no_file(store, 1);
	store_close(store);
}

/* Whatever was done to the file, it is read again. A file in its place is counted as any new one. */
static void
test_a_file_that_changed_is_read(void **state)
{
	static const struct {
		const char *text;
		bool in_wire_form;
	} others[] = {
		{ "Subject: x\n\n\n.\n.\n.\n\n", false },	/* as long as it was */
		{ WIRE "more", false },
		{ "a\r\n", true },
		{ "", true },
	};

	(void)state;
	assert_int_equal(strlen(others[0].text), strlen(WIRE));
	for (size_t i = 0; i < 2 * sizeof(others) / sizeof(others[0]); i++) {
		const struct timespec moment = { .tv_nsec = 20000000 };
		const char *text = others[i / 2].text;
		bool replaced = i % 2 == 1;
		struct store *store;

		world_begin(NULL);
		world_put("new/1.wire", WIRE);
		store = world_open();
		assert_file(store, 0, WIRE);
		nanosleep(&moment, NULL);	/* a coarse clock must have moved on */
		world_put(replaced ? "other" : "new/1.wire", text);
		if (replaced)
			assert_int_equal(renameat(world_directory, "other", world_directory, "new/1.wire"), 0);
		assert_no_file(store, 0);
		store_close(store);
		store = world_open();
		if (replaced && others[i / 2].in_wire_form)
			assert_file(store, 0, text);
		else
			assert_no_file(store, 0);
		store_close(store);
	}
}

static void
time_set(const char *name, struct timespec time)
{
	const struct timespec times[2] = { time, time };

	assert_int_equal(utimensat(world_directory, name, times, 0), 0);
}

/* Size, time and inode each tell alone. */
static void
test_a_file_that_changed_but_has_its_old_time_is_read(void **state)
{
	for (int replaced = 0; replaced <= 1; replaced++) {
		struct store *store;

		world_begin(state);
		world_put("new/1.wire", WIRE);
		time_set("new/1.wire", (struct timespec){ 1000, 0 });
		world_put("other", replaced ? WIRE : WIRE "more\r\n");
		store = world_open();
		assert_file(store, 0, WIRE);
		if (replaced)
			assert_int_equal(renameat(world_directory, "other", world_directory, "new/1.wire"), 0);
		else
			world_put("new/1.wire", WIRE "more\r\n");
		time_set("new/1.wire", (struct timespec){ 1000, 0 });
		assert_no_file(store, 0);
		store_close(store);
	}
}

/* An entry without the flag has a stamp of 0; a file may have that too. */
static void
test_a_stamp_alone_proves_nothing(void **state)
{
	struct stat status;
	struct store *store;

	(void)state;
	world_put("new/3.dot", "a\r\n.\r\n");
	assert_int_equal(fstatat(world_directory, "new/3.dot", &status, 0), 0);
	while (maildir_file_stamp(&status) != 0)
		status.st_mtim.tv_nsec = (status.st_mtim.tv_nsec + 1) % 1000000000;
	time_set("new/3.dot", status.st_mtim);
	store = world_open();
	assert_no_file(store, 0);
	store_close(store);
}

/* What is known already is no reason to write the index again. */
static void
test_nothing_is_learnt_twice(void **state)
{
	struct stat first, second;
	struct store *store;

	(void)state;
	world_put("new/1.wire", WIRE);
	world_put("new/2.lf", "a\nb\n");
	world_put("new/3.wire,S=20,W=20", WIRE);
	store = world_open();
	read_and_send(store, 2);
	store_close(store);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);	/* the directories settle */
	store_close(world_open());
	assert_int_equal(fstatat(world_directory, INDEX_NAME, &first, 0), 0);
	store = world_open();
	for (size_t index = 0; index < 3; index++)
		read_and_send(store, index);
	store_close(store);
	assert_int_equal(fstatat(world_directory, INDEX_NAME, &second, 0), 0);
	assert_int_equal(first.st_mtim.tv_sec, second.st_mtim.tv_sec);
	assert_int_equal(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec);
	assert_int_equal(first.st_ino, second.st_ino);
}

/* It was rewritten, but is in wire form again. */
static void
test_it_is_learnt_anew(void **state)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct store *store;

	(void)state;
	world_put("new/1.wire", WIRE);
	store_close(world_open());
	nanosleep(&moment, NULL);
	world_put("new/1.wire", WIRE);
	store = world_open();
	assert_no_file(store, 0);
	read_and_send(store, 0);
	store_close(store);
	store = world_open();
	assert_file(store, 0, WIRE);
	store_close(store);
}

static void
test_one_that_vanished_has_no_file(void **state)
{
	struct store *store;

	(void)state;
	world_put("new/1.wire", WIRE);
	store = world_open();
	assert_int_equal(unlinkat(world_directory, "new/1.wire", 0), 0);
	assert_no_file(store, 0);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counted_messages, world_begin),
		cmocka_unit_test_setup(test_it_is_remembered_when_mail_arrives_and_flags_change, world_begin),
		cmocka_unit_test_setup(test_it_is_learnt_by_sending, world_begin),
		cmocka_unit_test_setup(test_a_file_that_changed_is_read, world_begin),
		cmocka_unit_test_setup(test_a_file_that_changed_but_has_its_old_time_is_read, world_begin),
		cmocka_unit_test_setup(test_a_stamp_alone_proves_nothing, world_begin),
		cmocka_unit_test_setup(test_nothing_is_learnt_twice, world_begin),
		cmocka_unit_test_setup(test_it_is_learnt_anew, world_begin),
		cmocka_unit_test_setup(test_one_that_vanished_has_no_file, world_begin),
	};
	int result;

	result = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return result;
}
