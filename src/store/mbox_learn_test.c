/* What was delivered into an mbox is learnt before anybody polls, while nobody else wants the file. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "store/mbox_index.h"
#include "store/mbox_lock.h"
#include "store/mbox_world.h"
#include "store/session_lock.h"

#define FIRST  ENVELOPE "Subject: one\n\nfirst\n\n"
#define SECOND ENVELOPE "Subject: two\n\nsecond\n\n"

static enum learning
learn(void)
{
	return store_learn(world_place, STORE_INDEX_BESIDE);
}

static ino_t
index_inode(void)
{
	struct stat status;

	return stat(world_path(".", ".restante-index"), &status) == 0 ? status.st_ino : 0;
}

/* Is that what the index says of the mbox as it is now? Nothing else would have to be read. */
static bool
is_known(size_t count)
{
	struct mbox_list list = { 0 };
	struct index_place place;
	struct mbox_stamp now;
	struct error problem;
	struct stat status;
	int file = open(world_mbox, O_RDONLY | O_CLOEXEC);
	bool known;

	assert_true(file >= 0 && fstat(file, &status) == 0);
	memset(&now, 0, sizeof(now));
	index_stamp_make(&now.file, &status, &(struct timespec){ .tv_sec = status.st_ctim.tv_sec + 10 });
	now.size = (uint64_t)status.st_size;
	mbox_index_locate(&place, world_mbox, STORE_INDEX_BESIDE);
	known = mbox_index_read(&list, &place, file, &now, &problem) == MBOX_INDEX_WHOLE &&
	    list.count == count && list.stamp.file.settled;
	mbox_list_free(&list);
	close(file);
	return known;
}

static void
settle(void)
{
	usleep(150000);
}

static void
test_the_next_session_reads_nothing(void **state)
{
	struct store *store;
	ino_t inode;

	(void)state;
	world_put(FIRST);
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	assert_true(is_known(1));
	world_append(SECOND);
	assert_false(is_known(1));
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	assert_true(is_known(2));
	inode = index_inode();
	assert_int_equal(learn(), LEARNING_DONE);
	store = world_open();
	assert_int_equal(store->count, 2);
	world_assert_text(store, 1, "Subject: two\n\nsecond\n");
	store_close(store);
	assert_int_equal(index_inode(), inode);
}

/* Too young for its time to prove something. */
static bool
is_young(void)
{
	struct index_stamp stamp;
	struct timespec now;
	struct stat status;

	clock_gettime(CLOCK_REALTIME, &now);
	assert_int_equal(stat(world_mbox, &status), 0);
	index_stamp_make(&stamp, &status, &now);
	return !stamp.settled;
}

static void
test_what_has_just_come_is_not_believed(void **state)
{
	enum learning learning;

	(void)state;
	do {
		world_put(FIRST);
		learning = learn();
	} while (!is_young());
	assert_int_equal(learning, LEARNING_LATER);
}

static void
test_a_session_is_open(void **state)
{
	struct store *store;

	(void)state;
	world_put(FIRST);
	settle();
	store = world_open();
	assert_int_equal(learn(), LEARNING_LATER);
	assert_false(world_has(".", ".restante-index"));
	store_close(store);
	world_append(SECOND);
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	assert_true(is_known(2));
}

static void
test_somebody_delivers(void **state)
{
	struct mbox_lock lock;
	struct error error;
	int file;

	(void)state;
	world_put(FIRST);
	settle();
	file = open(world_mbox, O_RDWR | O_CLOEXEC);
	assert_int_equal(mbox_lock_take(&lock, file, world_mbox, MBOX_LOCK_WRITE, &error), 0);
	/* It does not wait, and says that it may go well later. */
	mbox_lock_wait_milliseconds = 1000;
	assert_int_equal(learn(), LEARNING_LATER);
	assert_false(world_has(".", ".restante-index"));
	mbox_lock_drop(&lock);
	close(file);
	assert_int_equal(learn(), LEARNING_DONE);
	assert_true(is_known(1));
}

static void
test_too_much_is_left_to_a_session(void **state)
{
	char *big = malloc(STORE_LEARN_OCTETS_MAX + sizeof(FIRST));

	(void)state;
	assert_non_null(big);
	memset(big, 'x', STORE_LEARN_OCTETS_MAX);
	memcpy(big, FIRST, sizeof(FIRST) - 1);
	strcpy(big + STORE_LEARN_OCTETS_MAX, "\n");
	world_put(big);
	settle();
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_false(world_has(".", ".restante-index"));
	/* Nor when it was appended, and what was there is known. */
	world_put(FIRST);
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	world_append(big);
	settle();
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_false(is_known(2));
	store_close(world_open());
	/* What is known does not count; but the last message may have become longer. */
	world_append(FIRST);
	settle();
	assert_int_equal(learn(), LEARNING_LEFT);
	store_close(world_open());
	world_append(SECOND);
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	assert_true(is_known(4));
	free(big);
}

static void
test_an_index_that_is_damaged_or_cannot_be_written(void **state)
{
	int index;

	(void)state;
	world_put(FIRST SECOND);
	settle();
	assert_int_equal(learn(), LEARNING_DONE);
	for (off_t at = 8; at < 400; at += 300) {
		index = open(world_path(".", ".restante-index"), O_WRONLY | O_CLOEXEC);
		assert_int_equal(pwrite(index, "\xff\xfe", 2, at), 2);
		close(index);
		world_append(FIRST);
		settle();
		assert_int_equal(learn(), LEARNING_DONE);
		assert_true(is_known(at == 8 ? 3 : 4));
	}
	unlink(world_path(".", ".restante-index"));
	assert_int_equal(mkdir(world_path(".", ".restante-index"), 0700), 0);
	assert_int_equal(learn(), LEARNING_LEFT);
	assert_false(world_has(".", ".restante-index.tmp"));
	assert_int_equal(rmdir(world_path(".", ".restante-index")), 0);
	assert_int_equal(store_learn("mbox:/nowhere/at/all", STORE_INDEX_BESIDE), LEARNING_LEFT);
}

static void
test_no_mbox_is_there(void **state)
{
	(void)state;
	unlink(world_mbox);
	assert_int_equal(learn(), LEARNING_DONE);
	assert_false(world_has(".", ".restante-index"));
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
	char directory[PLACE_SIZE];
	struct error error;
	pthread_t session;
	int gate, lock;

	(void)state;
	world_put(FIRST);
	settle();
	snprintf(directory, sizeof(directory), "%s", world_mbox);
	*strrchr(directory, '/') = '\0';
	gate = gate_close(AT_FDCWD, directory);
	lock = open(world_mbox, O_RDONLY | O_CLOEXEC);
	assert_true(gate >= 0 && lock >= 0);
	assert_int_equal(learn(), LEARNING_LATER);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(pthread_create(&session, NULL, session_begin, &error), 0);
	usleep(50000);
	close(lock);
	close(gate);
	pthread_join(session, NULL);
	assert_int_equal(error.kind, ERROR_NONE);
	lock = open(world_mbox, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	session_begin(&error);
	assert_int_equal(error.kind, ERROR_BUSY);
	close(lock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_next_session_reads_nothing, world_begin),
		cmocka_unit_test_setup(test_what_has_just_come_is_not_believed, world_begin),
		cmocka_unit_test_setup(test_a_session_is_open, world_begin),
		cmocka_unit_test_setup(test_somebody_delivers, world_begin),
		cmocka_unit_test_setup(test_too_much_is_left_to_a_session, world_begin),
		cmocka_unit_test_setup(test_an_index_that_is_damaged_or_cannot_be_written, world_begin),
		cmocka_unit_test_setup(test_no_mbox_is_there, world_begin),
		cmocka_unit_test_setup(test_a_session_waits_for_who_learns, world_begin),
	};
	int result;

	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return result;
}
