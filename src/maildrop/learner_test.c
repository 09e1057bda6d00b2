/*
 * When maildrops are learnt, how often, and how much of the time that takes at most. The clock, the
 * timer, the pool and the store are the test's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "maildrop/client.h"
#include "maildrop/learner.h"
#include "store/store.h"

#define NEVER UINT64_MAX

static struct {
	uint64_t now, timer;	/* in milliseconds */
	unsigned holds, blocking, armed;
	enum learning answer;
	uint64_t takes;		/* how long to learn takes */
	const char *noted;	/* meanwhile; NULL: nothing */
	unsigned learnt;
	char place[64];		/* the last */
	int index_directory;
} world;

static struct learner learner;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_timerfd_settime(int timer, int flags, const struct itimerspec *new, struct itimerspec *old);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ .tv_sec = (time_t)(world.now / 1000),
		.tv_nsec = (long)(world.now % 1000) * 1000000 };
	return 0;
}

int
__wrap_timerfd_settime(int timer, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	assert_int_equal(timer, learner.source.descriptor);
	assert_int_equal(flags, 0);
	assert_null(old);
	assert_true(new->it_value.tv_sec != 0 || new->it_value.tv_nsec != 0);
	world.timer = world.now + (uint64_t)new->it_value.tv_sec * 1000 + (uint64_t)new->it_value.tv_nsec / 1000000;
	return 0;
}

int
pool_arm(struct pool *pool, struct source *source)
{
	(void)pool;
	assert_ptr_equal(source, &learner.source);
	world.armed++;
	return 0;
}

void
pool_blocking_begin(struct pool *pool)
{
	(void)pool;
	world.blocking++;
}

void
pool_blocking_end(struct pool *pool)
{
	(void)pool;
	world.blocking--;
}

void
clients_hold(struct clients *clients)
{
	(void)clients;
	world.holds++;
}

void
clients_release(struct clients *clients)
{
	(void)clients;
	world.holds--;
}

enum learning
store_learn(const char *place, int index_directory)
{
	/* Others run meanwhile, but the process does not end. */
	assert_int_equal(world.holds, 1);
	assert_int_equal(world.blocking, 1);
	world.now += world.takes;
	world.learnt++;
	snprintf(world.place, sizeof(world.place), "%s", place);
	world.index_directory = index_directory;
	if (world.noted != NULL)
		learner_note(&learner, world.noted, index_directory);
	return world.answer;
}

static void
note(const char *place)
{
	learner_note(&learner, place, STORE_INDEX_BESIDE);
}

/* The timer's time comes. */
static void
fire(void)
{
	unsigned armed = world.armed;

	assert_true(world.timer != NEVER);
	if (world.now < world.timer)
		world.now = world.timer;
	world.timer = NEVER;
	learner.source.ready(&learner.source, NULL);
	assert_int_equal(world.armed, armed + 1);
	assert_int_equal(world.holds, 0);
	assert_int_equal(world.blocking, 0);
}

/* Everything that can be learnt until then. */
static void
run_until(uint64_t until)
{
	while (world.timer <= until)
		fire();
	world.now = until;
}

static int
setup(void **state)
{
	struct error error;

	(void)state;
	memset(&world, 0, sizeof(world));
	memset(&learner, 0, sizeof(learner));
	world.now = 5000;
	world.timer = NEVER;
	world.answer = LEARNING_DONE;
	return learner_begin(&learner, NULL, NULL, &error);
}

static int
end(void **state)
{
	(void)state;
	world.answer = LEARNING_DONE;
	world.noted = NULL;
	while (world.timer != NEVER)
		fire();
	return close(learner.source.descriptor);
}

static void
test_a_burst_is_learnt_once(void **state)
{
	(void)state;
	note("maildir:/a");
	assert_int_equal(world.timer, 6000);
	world.now = 5900;
	note("maildir:/a");
	note("maildir:/a");
	assert_int_equal(world.timer, 6000);
	run_until(60000);
	assert_int_equal(world.learnt, 1);
	assert_string_equal(world.place, "maildir:/a");
	assert_int_equal(world.index_directory, STORE_INDEX_BESIDE);
	/* And the next anew. */
	learner_note(&learner, "maildir:/a", 7);
	assert_int_equal(world.timer, 61000);
	run_until(70000);
	assert_int_equal(world.learnt, 2);
	assert_int_equal(world.index_directory, 7);
}

static void
test_not_before_it_is_due(void **state)
{
	(void)state;
	note("maildir:/a");
	world.timer = 5500;
	fire();
	assert_int_equal(world.learnt, 0);
	assert_int_equal(world.timer, 6000);
}

static void
test_each_in_its_turn(void **state)
{
	(void)state;
	note("maildir:/a");
	world.now = 5300;
	note("maildir:/b");
	fire();
	assert_string_equal(world.place, "maildir:/a");
	assert_int_equal(world.timer, 6300);
	fire();
	assert_string_equal(world.place, "maildir:/b");
	assert_int_equal(world.learnt, 2);
	assert_int_equal(world.timer, NEVER);
}

static void
test_what_must_wait_is_tried_for_a_while(void **state)
{
	(void)state;
	world.answer = LEARNING_LATER;
	note("maildir:/a");
	run_until(8500);
	assert_int_equal(world.learnt, 3);
	world.answer = LEARNING_DONE;
	run_until(20000);
	assert_int_equal(world.learnt, 4);
	world.answer = LEARNING_LATER;
	note("maildir:/a");
	run_until(1000000);
	assert_int_equal(world.learnt, 64);
	/* What is left to the next session is not tried again. */
	world.answer = LEARNING_LEFT;
	note("maildir:/a");
	run_until(2000000);
	assert_int_equal(world.learnt, 65);
}

static void
test_mail_comes_meanwhile(void **state)
{
	static const enum learning answers[] = { LEARNING_DONE, LEARNING_LATER };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint64_t begin = world.now;

		world.learnt = 0;
		world.answer = answers[i];
		world.noted = "maildir:/a";
		note("maildir:/a");
		fire();
		world.noted = NULL;
		world.answer = LEARNING_DONE;
		run_until(begin + 60000);
		assert_int_equal(world.learnt, 2);
	}
}

/* Each second something comes to each of a hundred, and to learn it takes long. */
static void
test_it_takes_a_small_part_of_the_time(void **state)
{
	(void)state;
	world.takes = 40;
	for (uint64_t second = 0; second < 600; second++) {
		for (unsigned i = 0; i < 100; i++) {
			char place[32];

			snprintf(place, sizeof(place), "maildir:/%u", i);
			note(place);
		}
		run_until(5000 + (second + 1) * 1000);
	}
	assert_in_range(world.learnt * world.takes, 600 * 1000 / 25, 600 * 1000 / 20);
	/* Also for what comes when there is nothing else. */
	end(NULL);
	setup(NULL);
	world.takes = 1000;
	note("maildir:/a");
	fire();
	note("maildir:/b");
	assert_in_range(world.timer, world.now + 19000, world.now + 19001);
}

static void
test_so_many_at_most(void **state)
{
	char place[32];

	(void)state;
	for (unsigned i = 0; i <= LEARNER_PLACES_MAX; i++) {
		snprintf(place, sizeof(place), "maildir:/%u", i);
		note(place);
	}
	run_until(100000);
	assert_int_equal(world.learnt, LEARNER_PLACES_MAX);
	snprintf(place, sizeof(place), "maildir:/%u", LEARNER_PLACES_MAX - 1);
	assert_string_equal(world.place, place);
	/* There is no room for what comes back. */
	world.learnt = 0;
	for (unsigned i = 0; i < LEARNER_PLACES_MAX; i++) {
		snprintf(place, sizeof(place), "maildir:/%u", i);
		note(place);
	}
	world.answer = LEARNING_LATER;
	world.noted = "maildir:/another";
	fire();
	world.answer = LEARNING_DONE;
	world.noted = NULL;
	run_until(200000);
	assert_int_equal(world.learnt, LEARNER_PLACES_MAX + 1);
	assert_string_equal(world.place, "maildir:/another");
}

static void
test_where_there_is_no_index(void **state)
{
	(void)state;
	learner_note(&learner, "maildir:/a", STORE_INDEX_NONE);
	assert_int_equal(world.timer, NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_burst_is_learnt_once),
		TEST(test_not_before_it_is_due),
		TEST(test_each_in_its_turn),
		TEST(test_what_must_wait_is_tried_for_a_while),
		TEST(test_mail_comes_meanwhile),
		TEST(test_it_takes_a_small_part_of_the_time),
		TEST(test_so_many_at_most),
		TEST(test_where_there_is_no_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
