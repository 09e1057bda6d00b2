/* See pool.h. */

#include "maildrop/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"

#define THREAD_STACK_SIZE (512 * 1024)

struct pool {
	int epoll;
	pthread_mutex_t lock;	/* guards the counts */
	size_t wanted;		/* threads that should be in the epoll or at work without waiting */
	size_t maximum;
	size_t running;		/* all threads but those that wait inside a command */
	size_t total;
};

static void *thread_main(void *context);

/* The lock is held. Too few threads is slow, not wrong: a failure is only logged. */
static void
thread_start(struct pool *pool)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int result;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	result = pthread_create(&thread, &attributes, thread_main, pool);
	pthread_attr_destroy(&attributes);
	if (result != 0) {
		LOG(LOG_LEVEL_WARNING, "thread-not-started", LOG_NUMBER("errno", result),
		    LOG_NUMBER("threads", pool->total));
		return;
	}
	pool->running++;
	pool->total++;
}

/* A thread that took another's place leaves when that one is back. */
static int
thread_is_spare(struct pool *pool)
{
	int spare;

	pthread_mutex_lock(&pool->lock);
	spare = pool->running > pool->wanted;
	if (spare) {
		pool->running--;
		pool->total--;
	}
	pthread_mutex_unlock(&pool->lock);
	return spare;
}

static void
thread_work(struct pool *pool, struct scratch *scratch)
{
	for (;;) {
		struct epoll_event event;
		struct source *source;

		if (epoll_wait(pool->epoll, &event, 1, -1) == 1) {
			source = event.data.ptr;
			source->ready(source, scratch);
		}
		if (thread_is_spare(pool))
			return;
	}
}

static void *
thread_main(void *context)
{
	struct scratch *scratch = malloc(sizeof(*scratch));
	struct pool *pool = context;

	if (scratch == NULL) {
		LOG(LOG_LEVEL_ERROR, "no-memory-for-thread");
		pthread_mutex_lock(&pool->lock);
		pool->running--;
		pool->total--;
		pthread_mutex_unlock(&pool->lock);
		return NULL;
	}
	thread_work(pool, scratch);
	free(scratch);
	return NULL;
}

int
pool_new(struct pool **pool, size_t thread_count, size_t thread_count_max, struct error *error)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the thread pool");
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0) {
		free(p);
		return error_errno(error, ERROR_TEMPORARY, "cannot create an epoll");
	}
	pthread_mutex_init(&p->lock, NULL);
	p->wanted = thread_count;
	p->maximum = thread_count_max > thread_count ? thread_count_max : thread_count;
	/* The caller becomes the last one in pool_work(). */
	p->running = p->total = 1;
	pthread_mutex_lock(&p->lock);
	while (p->running < thread_count) {
		size_t before = p->running;

		thread_start(p);
		if (p->running == before)
			break;
	}
	pthread_mutex_unlock(&p->lock);
	*pool = p;
	return 0;
}

static int
arm(struct pool *pool, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = source };
	int operation = source->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	source->added = true;
	return epoll_ctl(pool->epoll, operation, source->descriptor, &event);
}

int
pool_arm(struct pool *pool, struct source *source)
{
	return arm(pool, source, EPOLLIN);
}

int
pool_arm_for_end(struct pool *pool, struct source *source)
{
	return arm(pool, source, 0);
}

int
pool_arm_at_once(struct pool *pool, struct source *source)
{
	return arm(pool, source, EPOLLIN | EPOLLOUT);
}

void
pool_exchange(struct source *source, int descriptor)
{
	source->descriptor = descriptor;
	source->added = false;
}

void
pool_blocking_begin(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->running--;
	if (pool->running < pool->wanted && pool->total < pool->maximum)
		thread_start(pool);
	pthread_mutex_unlock(&pool->lock);
}

void
pool_blocking_end(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->running++;
	pthread_mutex_unlock(&pool->lock);
}

void
pool_work(struct pool *pool)
{
	/* The first thread never leaves, so that a process always has one. */
	struct scratch *scratch = malloc(sizeof(*scratch));

	if (scratch == NULL) {
		LOG(LOG_LEVEL_ERROR, "no-memory-for-thread");
		_exit(1);
	}
	for (;;) {
		struct epoll_event event;

		if (epoll_wait(pool->epoll, &event, 1, -1) == 1) {
			struct source *source = event.data.ptr;

			source->ready(source, scratch);
		}
	}
}
