/* See pool.h. */

#include "auth/pool.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int
pool_open(struct pool *pool, size_t queue_max, struct error *error)
{
	*pool = (struct pool){ .queue_max = queue_max };
	pool->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->event < 0)
		return error_errno(error, ERROR_PERMANENT, "eventfd");
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->parked, NULL);
	return 0;
}

/* With the mutex held. NULL: the thread has to end. */
static struct pool_job *
next_job(struct pool *pool, unsigned index)
{
	struct pool_job *job;

	while (!pool->closing && (index >= pool->wanted || pool->first == NULL))
		pthread_cond_wait(
		    index >= pool->wanted ? &pool->parked : &pool->work, &pool->mutex);
	if (pool->closing)
		return NULL;
	job = pool->first;
	pool->first = job->next;
	if (pool->first == NULL)
		pool->last = NULL;
	pool->queued--;
	return job;
}

static void *
work(void *context)
{
	static const uint64_t one = 1;
	const struct pool_thread *self = context;
	struct pool *pool = self->pool;
	struct pool_job *job;

	pthread_mutex_lock(&pool->mutex);
	while ((job = next_job(pool, self->index)) != NULL) {
		pthread_mutex_unlock(&pool->mutex);
		job->run(job);
		pthread_mutex_lock(&pool->mutex);
		job->next = pool->done;
		pool->done = job;
		/* Fails only when the counter is full, and then the loop is awake. */
		(void)!write(pool->event, &one, sizeof(one));
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

/* With the mutex held. Everybody who waits looks again where to wait. */
static void
wake_all(struct pool *pool)
{
	pthread_cond_broadcast(&pool->work);
	pthread_cond_broadcast(&pool->parked);
}

int
pool_resize(struct pool *pool, unsigned thread_count, struct error *error)
{
	int status = 0;

	pthread_mutex_lock(&pool->mutex);
	pool->wanted = thread_count < POOL_THREADS_MAX ? thread_count : POOL_THREADS_MAX;
	while (status == 0 && pool->started < pool->wanted) {
		struct pool_thread *next = &pool->threads[pool->started];

		next->pool = pool;
		next->index = pool->started;
		status = pthread_create(&next->thread, NULL, work, next);
		pool->started += status == 0;
	}
	wake_all(pool);
	pthread_mutex_unlock(&pool->mutex);
	if (status == 0)
		return 0;
	errno = status;
	return error_errno(error, ERROR_TEMPORARY, "cannot start a thread");
}

int
pool_submit(struct pool *pool, struct pool_job *job, struct error *error)
{
	int result = 0;

	pthread_mutex_lock(&pool->mutex);
	if (pool->queued >= pool->queue_max) {
		result = error_set(
		    error, ERROR_TEMPORARY, "%zu passwords wait to be checked", pool->queued);
	} else {
		job->next = NULL;
		if (pool->last != NULL)
			pool->last->next = job;
		else
			pool->first = job;
		pool->last = job;
		pool->queued++;
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->mutex);
	return result;
}

struct pool_job *
pool_take_done(struct pool *pool)
{
	struct pool_job *done;
	uint64_t count;

	pthread_mutex_lock(&pool->mutex);
	(void)!read(pool->event, &count, sizeof(count));
	done = pool->done;
	pool->done = NULL;
	pthread_mutex_unlock(&pool->mutex);
	return done;
}

struct pool_job *
pool_close(struct pool *pool)
{
	struct pool_job *jobs;

	pthread_mutex_lock(&pool->mutex);
	pool->closing = true;
	wake_all(pool);
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->started; i++)
		pthread_join(pool->threads[i].thread, NULL);
	jobs = pool->done;
	if (pool->last != NULL) {
		pool->last->next = jobs;
		jobs = pool->first;
	}
	pthread_cond_destroy(&pool->work);
	pthread_cond_destroy(&pool->parked);
	pthread_mutex_destroy(&pool->mutex);
	close(pool->event);
	return jobs;
}
