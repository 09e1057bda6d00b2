/* The pool runs what is ready in one thread while that keeps up, and in more when it does not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "maildrop/pool.h"

#define SOURCES 3

static struct pool *pool;
static struct source sources[SOURCES];
static int ends[SOURCES][2];
static atomic_int at_work, most_at_work, runs;
static atomic_bool last_ran;

/* What each does, by its number. */
static void (*work)(size_t number);

static void
ready(struct source *source, struct scratch *scratch)
{
	int now = atomic_fetch_add(&at_work, 1) + 1, most = atomic_load(&most_at_work);
	char octet;

	(void)scratch;
	while (now > most && !atomic_compare_exchange_weak(&most_at_work, &most, now))
		continue;
	assert_int_equal(read(source->descriptor, &octet, 1), 1);
	work((size_t)(source - sources));
	atomic_fetch_sub(&at_work, 1);
	pool_arm(pool, source);
	atomic_fetch_add(&runs, 1);
}

static void *
work_for_ever(void *context)
{
	pool_work(context);
	return NULL;
}

static void
begin(size_t thread_count, void (*function)(size_t))
{
	pthread_t thread;
	struct error error;

	work = function;
	atomic_store(&most_at_work, 0);
	atomic_store(&runs, 0);
	atomic_store(&last_ran, false);
	assert_int_equal(pool_new(&pool, thread_count, 16, &error), 0);
	assert_int_equal(pthread_create(&thread, NULL, work_for_ever, pool), 0);
	pthread_detach(thread);
	for (size_t i = 0; i < SOURCES; i++) {
		assert_int_equal(pipe(ends[i]), 0);
		sources[i] = (struct source){ .descriptor = ends[i][0], .ready = ready };
		assert_int_equal(pool_arm(pool, &sources[i]), 0);
	}
}

static void
knock(size_t number)
{
	assert_int_equal(write(ends[number][1], "x", 1), 1);
}

static void
await_runs(int count)
{
	while (atomic_load(&runs) < count)
		usleep(1000);
}

/* All but the last are at work until the last one is. */
static void
work_until_the_last(size_t number)
{
	volatile unsigned turns = 0;

	if (number == SOURCES - 1)
		atomic_store(&last_ran, true);
	while (!atomic_load(&last_ran))
		turns++;
}

static void
test_others_join_when_one_is_long_at_work(void **state)
{
	(void)state;
	begin(SOURCES, work_until_the_last);
	for (size_t i = 0; i < SOURCES; i++)
		knock(i);
	await_runs(SOURCES);
	assert_int_equal(most_at_work, SOURCES);
}

/* The same where they wait, and say so: there may be only one that does not. */
static void
wait_for_the_last(size_t number)
{
	if (number == SOURCES - 1) {
		atomic_store(&last_ran, true);
		return;
	}
	pool_blocking_begin(pool);
	while (!atomic_load(&last_ran))
		usleep(1000);
	pool_blocking_end(pool);
}

static void
test_whoever_waits_has_its_place_taken(void **state)
{
	(void)state;
	begin(1, wait_for_the_last);
	for (size_t i = 0; i < SOURCES; i++)
		knock(i);
	await_runs(SOURCES);
}

static void
work_for_a_moment(size_t number)
{
	(void)number;
	usleep(30000);
}

static void
test_never_more_at_once_than_allowed(void **state)
{
	(void)state;
	begin(1, work_for_a_moment);
	for (size_t i = 0; i < SOURCES; i++)
		knock(i);
	await_runs(SOURCES);
	assert_int_equal(most_at_work, 1);
}

/* As one that waits for the disk, and does not say so, until two have been seen to. */
static void
work_without_working(size_t number)
{
	(void)number;
	if (atomic_load(&most_at_work) < 2)
		usleep(3000);
}

/* All is asked for beforehand: on a busy machine nobody may be there in time to ask for more. */
static void
test_others_join_when_all_wait_each_time(void **state)
{
	(void)state;
	begin(SOURCES, work_without_working);
	for (int i = 0; i < 2000 * SOURCES; i++)
		knock((size_t)i % SOURCES);
	await_runs(2000 * SOURCES);
	assert_in_range(most_at_work, 2, SOURCES);
}

static void
do_nothing(size_t number)
{
	(void)number;
}

static atomic_int threads;
static _Thread_local bool is_known;

/* Two at a time wait for each other, so that one takes the other's place each time. */
static void
wait_in_turn(size_t number)
{
	static atomic_int met;

	if (!is_known)
		atomic_fetch_add(&threads, 1);
	is_known = true;
	pool_blocking_begin(pool);
	for (int now = atomic_fetch_add(&met, 1); now % 2 == 0 && atomic_load(&met) == now + 1;)
		usleep(10);
	pool_blocking_end(pool);
	(void)number;
}

/* Whoever takes another's place is not started anew for it. */
static void
test_a_spare_thread_is_kept(void **state)
{
	(void)state;
	begin(1, wait_in_turn);
	for (int i = 1; i <= 500; i++) {
		knock(0);
		knock(1);
		await_runs(2 * i);
	}
	assert_in_range(threads, 2, 4);
}

static void
test_one_does_what_one_can(void **state)
{
	(void)state;
	begin(SOURCES, do_nothing);
	for (int i = 0; i < 200; i++) {
		knock((size_t)i % SOURCES);
		await_runs(i + 1);
	}
	assert_int_equal(most_at_work, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_join_when_one_is_long_at_work),
		cmocka_unit_test(test_whoever_waits_has_its_place_taken),
		cmocka_unit_test(test_never_more_at_once_than_allowed),
		cmocka_unit_test(test_others_join_when_all_wait_each_time),
		cmocka_unit_test(test_a_spare_thread_is_kept),
		cmocka_unit_test(test_one_does_what_one_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
