/*
 * See pool.h. Waking a thread costs as much as a short command takes. So one thread serves all sources
 * while it keeps up, and a watch looks every few milliseconds, while there is work, whether it does:
 * when those at work use all the time they have, or are all at work each time (they wait for the disk,
 * say), another thread joins them.
 */

#include "maildrop/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define THREAD_STACK_SIZE  (512 * 1024)
#define REST_SECONDS       10	/* then a thread that nobody needs leaves */
#define WATCH_NANOSECONDS  (10 * 1000 * 1000)
#define BUSY_PERCENT       90	/* of its time: more than one thread can do */
#define IDLE_PERCENT       40	/* of what one thread less could do */
#define LOOKS              4	/* so many in a row say the same before it is believed */

struct pool {
	int epoll;
	pthread_mutex_t lock;	/* guards the counts */
	size_t limit;		/* of wanted */
	size_t wanted;		/* threads that should be in the epoll or at work without waiting */
	size_t maximum;
	size_t running;		/* all threads but those that wait inside a command */
	size_t total;
	size_t resting;		/* of total, not of running: spare for now */
	size_t called;		/* how many of those have been told to come */
	pthread_cond_t needed;	/* on CLOCK_MONOTONIC */
	int timer;
	atomic_bool watched;	/* the timer runs */
	atomic_size_t active;	/* threads at work that do not wait inside a command */
};

static void *thread_main(void *context);

/* As pthread_create(). */
static int
thread_create(void *(*run)(void *), struct pool *pool)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int result;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	result = pthread_create(&thread, &attributes, run, pool);
	pthread_attr_destroy(&attributes);
	return result;
}

/* The lock is held. Too few threads is slow, not wrong: a failure is only logged. */
static void
thread_start(struct pool *pool)
{
	int result = thread_create(thread_main, pool);

	if (result != 0) {
		LOG(LOG_LEVEL_WARNING, "thread-not-started", LOG_NUMBER("errno", result),
		    LOG_NUMBER("threads", pool->total));
		return;
	}
	pool->running++;
	pool->total++;
}

/* The lock is held. One that was spare a moment ago is there sooner than a new one. */
static void
thread_add(struct pool *pool)
{
	if (pool->resting > pool->called) {
		pool->called++;
		pool->running++;
		pthread_cond_signal(&pool->needed);
	} else if (pool->total < pool->maximum) {
		thread_start(pool);
	}
}

/* The lock is held. False: nobody needed it for long, and it leaves. */
static bool
thread_rest(struct pool *pool)
{
	struct timespec until;
	bool called;
	int result = 0;

	pool->running--;
	pool->resting++;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REST_SECONDS;
	while (pool->called == 0 && result == 0)
		result = pthread_cond_timedwait(&pool->needed, &pool->lock, &until);
	called = pool->called > 0;
	pool->resting--;
	if (called)
		pool->called--;
	else
		pool->total--;
	return called;
}

/* A thread that took another's place is spare when that one is back. False: it is to leave. */
static bool
thread_stays(struct pool *pool)
{
	bool stays = true;

	pthread_mutex_lock(&pool->lock);
	if (pool->running > pool->wanted)
		stays = thread_rest(pool);
	pthread_mutex_unlock(&pool->lock);
	return stays;
}

static void
timer_start(const struct pool *pool)
{
	const struct itimerspec once = { .it_value.tv_nsec = WATCH_NANOSECONDS };

	(void)timerfd_settime(pool->timer, 0, &once, NULL);
}

/* One event, and the source that it is about. */
static void
thread_turn(struct pool *pool, struct scratch *scratch)
{
	struct epoll_event event;
	struct source *source;

	if (epoll_wait(pool->epoll, &event, 1, -1) != 1)
		return;
	atomic_fetch_add(&pool->active, 1);
	if (!atomic_load(&pool->watched) && !atomic_exchange(&pool->watched, true))
		timer_start(pool);
	source = event.data.ptr;
	source->ready(source, scratch);
	atomic_fetch_sub(&pool->active, 1);
}

static uint64_t
nanoseconds(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* What the looks at the threads have shown. */
struct watch {
	uint64_t time, processor_time;	/* at the last one; 0: there was none */
	unsigned full, idle;		/* how many in a row saw all at work, or too little of it */
};

/* How many threads there should be. */
static void
watch_judge(struct pool *pool, struct watch *watch, uint64_t percent)
{
	bool full = atomic_load(&pool->active) >= pool->wanted;

	watch->full = full ? watch->full + 1 : 0;
	watch->idle = !full && percent < IDLE_PERCENT * (pool->wanted - 1) ? watch->idle + 1 : 0;
	pthread_mutex_lock(&pool->lock);
	if ((watch->full >= LOOKS || percent >= BUSY_PERCENT * pool->wanted) && pool->wanted < pool->limit) {
		pool->wanted++;
		watch->full = 0;
	} else if (watch->idle >= LOOKS && pool->wanted > 1) {
		pool->wanted--;
		watch->idle = 0;
	}
	if (pool->running < pool->wanted)
		thread_add(pool);
	pthread_mutex_unlock(&pool->lock);
}

static void
watch_look(struct pool *pool, struct watch *watch)
{
	uint64_t time = nanoseconds(CLOCK_MONOTONIC);
	uint64_t processor_time = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);

	/* After a rest there is nothing to compare with: the next look has. */
	if (watch->time != 0)
		watch_judge(pool, watch,
		    (processor_time - watch->processor_time) * 100 / (time - watch->time + 1));
	watch->time = time;
	watch->processor_time = processor_time;
}

static void *
watch_main(void *context)
{
	struct pool *pool = context;
	struct watch watch = { 0 };
	uint64_t expirations;

	for (;;) {
		if (read(pool->timer, &expirations, sizeof(expirations)) < 0)
			continue;
		watch_look(pool, &watch);
		if (atomic_load(&pool->active) > 0 || pool->wanted > 1) {
			timer_start(pool);
			continue;
		}
		watch = (struct watch){ 0 };
		atomic_store(&pool->watched, false);
	}
	return NULL;
}

static void
thread_work(struct pool *pool, struct scratch *scratch)
{
	do
		thread_turn(pool, scratch);
	while (thread_stays(pool));
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
	pthread_condattr_t monotonic;

	if (p == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the thread pool");
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->needed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	p->wanted = 1;
	p->limit = thread_count;
	p->maximum = thread_count_max > thread_count ? thread_count_max : thread_count;
	/* The caller becomes the first one in pool_work(). */
	p->running = p->total = 1;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (p->epoll < 0 || p->timer < 0 || (errno = thread_create(watch_main, p)) != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot make the thread pool");
		if (p->timer >= 0)
			close(p->timer);
		if (p->epoll >= 0)
			close(p->epoll);
		free(p);
		return -1;
	}
	*pool = p;
	return 0;
}

static int
arm(struct pool *pool, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = source };
	int operation = source->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	/* Written once: later many threads may look. */
	if (!source->added)
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
	atomic_fetch_sub(&pool->active, 1);
	pthread_mutex_lock(&pool->lock);
	pool->running--;
	if (pool->running < pool->wanted)
		thread_add(pool);
	pthread_mutex_unlock(&pool->lock);
}

void
pool_blocking_end(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->running++;
	pthread_mutex_unlock(&pool->lock);
	atomic_fetch_add(&pool->active, 1);
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
	for (;;)
		thread_turn(pool, scratch);
}
