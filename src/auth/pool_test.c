/* Every job comes back once, whatever becomes of the pool. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <cmocka.h>

#include "auth/pool.h"

struct counted {
	struct pool_job job;
	atomic_int runs;
	unsigned returns;
};

struct held {			/* runs until it is let go */
	struct pool_job job;
	sem_t begun, go;
};

static void
count(struct pool_job *job)
{
	((struct counted *)job)->runs++;
}

static void
hold(struct pool_job *job)
{
	struct held *held = (struct held *)job;

	sem_post(&held->begun);
	sem_wait(&held->go);
}

static size_t
take(struct pool_job *jobs)
{
	size_t number = 0;

	for (struct pool_job *next; jobs != NULL; jobs = next, number++) {
		next = jobs->next;
		if (jobs->run == count)
			((struct counted *)jobs)->returns++;
	}
	return number;
}

static size_t
wait_for(struct pool *pool, size_t wanted)
{
	size_t number = 0;

	while (number < wanted) {
		struct pollfd event = { .fd = pool->event, .events = POLLIN };

		assert_int_equal(poll(&event, 1, -1), 1);
		number += take(pool_take_done(pool));
	}
	return number;
}

static void
test_every_job_is_done_once(void **state)
{
	enum { COUNT = 2000 };
	struct counted *jobs = calloc(COUNT, sizeof(*jobs));
	struct error error;
	struct pool pool;

	(void)state;
	assert_int_equal(pool_open(&pool, COUNT, &error), 0);
	for (size_t i = 0; i < COUNT; i++) {
		if (i % 100 == 0)
			assert_int_equal(pool_resize(&pool, 1 + (i / 100) % 4, &error), 0);
		jobs[i].job.run = count;
		assert_int_equal(pool_submit(&pool, &jobs[i].job, &error), 0);
	}
	assert_int_equal(wait_for(&pool, COUNT), COUNT);
	assert_null(pool_close(&pool));
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(jobs[i].runs, 1);
		assert_int_equal(jobs[i].returns, 1);
	}
	free(jobs);
}

static void
test_the_queue_is_bounded(void **state)
{
	struct held held = { .job.run = hold };
	struct counted jobs[3] = { { .job.run = count }, { .job.run = count }, { .job.run = count } };
	struct error error;
	struct pool pool;

	(void)state;
	sem_init(&held.begun, 0, 0);
	sem_init(&held.go, 0, 0);
	assert_int_equal(pool_open(&pool, 2, &error), 0);
	assert_int_equal(pool_resize(&pool, 1, &error), 0);
	assert_int_equal(pool_submit(&pool, &held.job, &error), 0);
	sem_wait(&held.begun);
	assert_int_equal(pool_submit(&pool, &jobs[0].job, &error), 0);
	assert_int_equal(pool_submit(&pool, &jobs[1].job, &error), 0);
	assert_int_equal(pool_submit(&pool, &jobs[2].job, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	sem_post(&held.go);
	assert_int_equal(wait_for(&pool, 3), 3);
	assert_int_equal(pool_submit(&pool, &jobs[2].job, &error), 0);
	assert_int_equal(wait_for(&pool, 1), 1);
	assert_null(pool_close(&pool));
}

static void
test_closing_hands_back_what_was_not_begun(void **state)
{
	struct counted jobs[2] = { { .job.run = count }, { .job.run = count } };
	struct error error;
	struct pool pool;

	(void)state;
	assert_int_equal(pool_open(&pool, 5, &error), 0);	/* without a thread */
	assert_int_equal(pool_submit(&pool, &jobs[0].job, &error), 0);
	assert_int_equal(pool_submit(&pool, &jobs[1].job, &error), 0);
	assert_int_equal(take(pool_close(&pool)), 2);
	assert_int_equal(jobs[0].runs + jobs[1].runs, 0);
	assert_int_equal(jobs[0].returns + jobs[1].returns, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_job_is_done_once),
		cmocka_unit_test(test_the_queue_is_bounded),
		cmocka_unit_test(test_closing_hands_back_what_was_not_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
