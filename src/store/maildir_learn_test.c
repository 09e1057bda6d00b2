/*
 * What was delivered into a Maildir is learnt before anybody polls: the poll reads nothing then, and hears
 * nothing of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "store/index.h"
#include "store/maildir_scan.h"
#include "store/maildir_world.h"
#include "store/session_lock.h"

#define TEXT      "Subject: x\n\ntext\n"
#define WIRE_SIZE 20

static bool
is_settled(void)
{
	struct index_stamp stamps[2];

	maildir_stamps(world_directory, stamps);
	return stamps[MAILDIR_NEW].settled && stamps[MAILDIR_CUR].settled;
}

static void
settle(void)
{
	while (!is_settled())
		usleep(10000);
}

static void
deliver(void)
{
	struct delivery delivery = { .place = world_place, .index_directory = STORE_INDEX_BESIDE, .sender = "",
		.head = "", .message = memfd_create("message", MFD_CLOEXEC) };
	struct append *append;
	struct error error;

	assert_int_equal(write(delivery.message, TEXT, sizeof(TEXT) - 1), sizeof(TEXT) - 1);
	if (append_begin(&append, &delivery, &error) != 0 || append_commit(append, NULL, &error) != 0)
		fail_msg("%s", error.text);
	append_end(append);
	close(delivery.message);
}

static enum learning
learn(void)
{
	return store_learn(world_place, STORE_INDEX_BESIDE);
}

static ino_t
index_inode(void)
{
	struct stat status;

	return fstatat(world_directory, INDEX_NAME, &status, 0) == 0 ? status.st_ino : 0;
}

/* What is opened of both directories from now on, they themselves too. */
static int
watch_begin(void)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char path[96];

	assert_true(watch >= 0);
	for (int which = 0; which < 2; which++) {
		snprintf(path, sizeof(path), "%s/%s", world_root, maildir_directory_names[which]);
		assert_true(inotify_add_watch(watch, path, IN_OPEN) > 0);
	}
	return watch;
}

static bool
watch_end(int watch)
{
	char events[4096];
	bool seen = read(watch, events, sizeof(events)) > 0;

	close(watch);
	return seen;
}

static void
message_retrieve(struct store *store, size_t index)
{
	struct error error;
	char text[64];

	assert_int_equal(store_read(store, index, 0, text, sizeof(text), &error), sizeof(TEXT) - 1);
	assert_int_equal(store_read(store, index, sizeof(TEXT) - 1, text, sizeof(text), &error), 0);
	store_sent(store, index, WIRE_SIZE, false);
}

/* So many messages are told without a look at the directories, and to retrieve one teaches nothing. */
static void
assert_known(size_t count)
{
	ino_t inode = index_inode();
	int watch = watch_begin();
	struct store *store = world_open();

	assert_true(inode != 0);
	assert_int_equal(store->count, count);
	assert_int_equal(store->octets, count * WIRE_SIZE);
	for (size_t i = 0; i < count; i++) {
		struct message message;
		struct error error;

		assert_int_equal(store_message(store, i, &message, &error), 0);
		assert_int_equal(message.size, WIRE_SIZE);
		assert_int_equal(message.uidl_size, strcspn(message.uidl, ","));
	}
	store_close(store);
	assert_false(watch_end(watch));
	store = world_open();
	message_retrieve(store, count - 1);
	store_release(store);
	store_close(store);
	assert_int_equal(index_inode(), inode);
}

static void
test_the_next_session_reads_nothing(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 3; count++) {
		deliver();
		settle();
		assert_int_equal(learn(), LEARNING_DONE);
		assert_known(count);
	}
	/* And it is learnt once. */
	assert_int_equal(learn(), LEARNING_DONE);
	assert_known(3);
}

static void
index_damage(off_t at)
{
	int file = openat(world_directory, INDEX_NAME, O_WRONLY | O_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(pwrite(file, "\xff\xfe\xfd", 3, at), 3);
	close(file);
}

static void
test_an_index_that_is_damaged_or_lost(void **state)
{
	(void)state;
	deliver();
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	/* Its head, its entries, and all of it. */
	for (off_t at = 8; at <= 300; at += 292) {
		deliver();
		index_damage(at);
		settle();
		assert_int_equal(learn(), LEARNING_DONE);
		assert_known(at == 8 ? 2 : 3);
	}
	assert_int_equal(unlinkat(world_directory, INDEX_NAME, 0), 0);
	assert_int_equal(learn(), LEARNING_DONE);
	assert_known(3);
}

static void
test_what_has_just_come_is_not_believed(void **state)
{
	enum learning learning;

	(void)state;
	do {
		deliver();
		learning = learn();
	} while (is_settled());
	assert_int_equal(learning, LEARNING_LATER);
	assert_false(world_has(INDEX_NAME));
}

static void
test_a_session_is_open(void **state)
{
	struct store *store;
	ino_t inode;

	(void)state;
	deliver();
	settle();
	store = world_open();
	deliver();
	settle();
	assert_int_equal(learn(), LEARNING_LATER);
	assert_false(world_has(INDEX_NAME));
	/* It is over, but for its index. */
	store_release(store);
	assert_int_equal(learn(), LEARNING_LATER);
	assert_false(world_has(INDEX_NAME));
	store_close(store);
	inode = index_inode();
	assert_true(inode != 0);
	assert_int_equal(learn(), LEARNING_DONE);
	assert_true(index_inode() != inode);
	assert_known(2);
}

static void
test_another_learns(void **state)
{
	int gate;

	(void)state;
	deliver();
	settle();
	gate = gate_close(world_directory, MAILDIR_GATE);
	assert_true(gate >= 0);
	assert_int_equal(learn(), LEARNING_LATER);
	assert_false(world_has(INDEX_NAME));
	close(gate);
	assert_int_equal(learn(), LEARNING_DONE);
}

/* A message of another program, whose size stands nowhere. */
static void
test_no_message_is_read(void **state)
{
	(void)state;
	world_put("cur/1.a:2,", TEXT);
	deliver();
	settle();
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_false(world_has(INDEX_NAME));
	/* What a session has counted is known. */
	store_close(world_open());
	deliver();
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	store_close(world_open());
}

static void
many_put(const char *directory, unsigned from, unsigned to)
{
	char name[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof(name), "%s/%u.M%uP1.mx,S=2,W=3", directory, 1000 + i, i);
		assert_int_equal(linkat(world_directory, "tmp/x", world_directory, name, 0), 0);
	}
}

static void
test_many_are_left_to_a_session(void **state)
{
	ino_t inode;

	(void)state;
	world_put("tmp/x", "a\n");
	many_put("cur", 0, STORE_LEARN_COUNT_MAX);
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	inode = index_inode();
	many_put("new", STORE_LEARN_COUNT_MAX, STORE_LEARN_COUNT_MAX + 1);
	settle();
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_int_equal(index_inode(), inode);
	/* Where an index tells how many there are the directories need not be read for that. */
	store_close(world_open());
	assert_true(index_inode() != inode);
	many_put("new", STORE_LEARN_COUNT_MAX + 1, STORE_LEARN_COUNT_MAX + 2);
	settle();
	inode = index_inode();
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_int_equal(index_inode(), inode);
	/* Nor is the index taken up to see that there are fewer now. */
	for (unsigned i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), "cur/%u.M%uP1.mx,S=2,W=3", 1000 + i, i);
		assert_int_equal(unlinkat(world_directory, name, 0), 0);
	}
	settle();
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_int_equal(index_inode(), inode);
	many_put("cur", 0, 3);
	settle();
	assert_int_equal(unlinkat(world_directory, INDEX_NAME, 0), 0);
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_false(world_has(INDEX_NAME));
}

static void
test_where_nothing_can_be_written_or_is_there(void **state)
{
	char directory[] = "/tmp/restante-index-XXXXXX";
	int apart;

	(void)state;
	deliver();
	settle();
	assert_int_equal(store_learn(world_place, STORE_INDEX_NONE), LEARNING_LEFT);
	assert_non_null(mkdtemp(directory));
	apart = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(apart >= 0);
	assert_int_equal(store_learn(world_place, apart), LEARNING_DONE);
	close(apart);
	/* A name that is taken by what is no index. */
	assert_int_equal(mkdirat(world_directory, INDEX_NAME, 0700), 0);
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_false(world_has(INDEX_NAME ".tmp"));
	assert_int_equal(store_learn("maildir:/nowhere/at/all", STORE_INDEX_BESIDE), LEARNING_LEFT);
	assert_int_equal(store_learn("pigeon:/nowhere", STORE_INDEX_BESIDE), LEARNING_LEFT);
}

/* A rename that a crash cut in two: no waiting helps. */
static void
test_two_names_of_one_file(void **state)
{
	(void)state;
	world_put("new/1.a,S=2,W=3", "a\n");
	assert_int_equal(linkat(world_directory, "new/1.a,S=2,W=3", world_directory, "cur/1.a,S=2,W=3:2,S", 0), 0);
	settle();
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_false(world_has(INDEX_NAME));
}

static void *
session_begin(void *context)
{
	struct store *store = NULL;
	struct error *error = context;

	error->kind = ERROR_NONE;
	(void)store_open(&store, world_place, error);
	store_close(store);
	return NULL;
}

static void
test_a_session_waits_for_who_learns(void **state)
{
	struct error error;
	pthread_t session;
	int gate, lock;

	(void)state;
	gate = gate_close(world_directory, MAILDIR_GATE);
	lock = open(world_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(gate >= 0 && lock >= 0);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(pthread_create(&session, NULL, session_begin, &error), 0);
	usleep(50000);
	close(lock);
	close(gate);
	pthread_join(session, NULL);
	assert_int_equal(error.kind, ERROR_NONE);
	/* For another session it does not. */
	lock = open(world_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	session_begin(&error);
	assert_int_equal(error.kind, ERROR_BUSY);
	close(lock);
}

static atomic_bool enough;

/* The index goes each time, so that there is something to learn. */
static void *
learn_on(void *context)
{
	atomic_uint *done = context;

	while (!enough) {
		*done += learn() == LEARNING_DONE;
		unlinkat(world_directory, INDEX_NAME, 0);
	}
	return NULL;
}

#define SESSIONS 3000

static void
test_no_session_hears_that_somebody_learns(void **state)
{
	pthread_t learners[2];
	atomic_uint done[2] = { 0 };

	(void)state;
	enough = false;
	for (int i = 0; i < 20; i++)
		deliver();
	settle();
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&learners[i], NULL, learn_on, &done[i]), 0);
	for (int i = 0; i < SESSIONS || done[0] + done[1] < 100; i++) {
		struct store *store = world_open();

		assert_int_equal(store->count, 20);
		store_close(store);
	}
	enough = true;
	for (int i = 0; i < 2; i++)
		pthread_join(learners[i], NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_next_session_reads_nothing, world_begin),
		cmocka_unit_test_setup(test_an_index_that_is_damaged_or_lost, world_begin),
		cmocka_unit_test_setup(test_what_has_just_come_is_not_believed, world_begin),
		cmocka_unit_test_setup(test_a_session_is_open, world_begin),
		cmocka_unit_test_setup(test_another_learns, world_begin),
		cmocka_unit_test_setup(test_no_message_is_read, world_begin),
		cmocka_unit_test_setup(test_many_are_left_to_a_session, world_begin),
		cmocka_unit_test_setup(test_where_nothing_can_be_written_or_is_there, world_begin),
		cmocka_unit_test_setup(test_two_names_of_one_file, world_begin),
		cmocka_unit_test_setup(test_a_session_waits_for_who_learns, world_begin),
		cmocka_unit_test_setup(test_no_session_hears_that_somebody_learns, world_begin),
	};
	int result;

	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return result;
}
