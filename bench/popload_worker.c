/* The epoll loop of the load generator. See popload_worker.h. */

#include "popload_worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define ERRORS_SHOWN 20
#define READ_SIZE    (256 * 1024)

volatile sig_atomic_t worker_stop;

uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* The share of this worker in something that all of them do together. */
static uint64_t
share(const struct worker *worker, uint64_t total)
{
	unsigned threads = worker->options->threads;

	return total / threads + (worker->number < total % threads);
}

int
worker_init(struct worker *worker, const struct options *options, unsigned number, SSL_CTX *tls)
{
	*worker = (struct worker){ .options = options, .number = number, .tls = tls, .epoll = -1 };
	worker->address = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)options->port) };
	if (inet_pton(AF_INET, options->address, &worker->address.sin_addr) != 1)
		return -1;
	worker->connection_count =
	    share(worker, options->mode == LOAD_HOLD ? options->count : options->concurrency);
	worker->begun_max = options->count ? share(worker, options->count) : UINT64_MAX;
	worker->user_count = share(worker, options->last_user - options->first_user + 1);
	worker->connections = calloc(worker->connection_count + 1, sizeof(*worker->connections));
	worker->free_slots = calloc(worker->connection_count + 1, sizeof(*worker->free_slots));
	worker->user_busy = calloc(worker->user_count + 1, sizeof(*worker->user_busy));
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!worker->connections || !worker->free_slots || !worker->user_busy || worker->epoll < 0)
		return -1;
	for (size_t i = worker->connection_count; i > 0; i--)
		worker->free_slots[worker->free_count++] = i - 1;
	return 0;
}

void
worker_end(struct worker *worker)
{
	for (size_t i = 0; worker->connections && i < worker->connection_count; i++) {
		struct connection *c = &worker->connections[i];

		if (c->state != SLOT_FREE)
			stream_close(&c->stream);
		stream_forget(&c->stream);
		free(c->talk.sizes);
	}
	free(worker->connections);
	free(worker->free_slots);
	free(worker->user_busy);
	free(worker->latencies_us);
	if (worker->epoll >= 0)
		close(worker->epoll);
}

static void
connection_free(struct worker *worker, struct connection *c)
{
	stream_close(&c->stream);
	c->state = SLOT_FREE;
	worker->user_busy[c->user_slot] = false;
	worker->free_slots[worker->free_count++] = (size_t)(c - worker->connections);
}

static void
connection_wrong(struct worker *worker, struct connection *c, const char *problem)
{
	if (worker->errors++ < ERRORS_SHOWN)
		fprintf(stderr, "popload: %s\n", problem);
	if (c->state == SLOT_TALKING)
		worker->talking_count--;
	else if (c->state == SLOT_HELD)
		worker->held_count--;
	worker->last_ns = now_ns();
	connection_free(worker, c);
}

static void
connection_done(struct worker *worker, struct connection *c)
{
	uint64_t now = now_ns(), end = worker->options->mode == LOAD_STAT ? c->counted_ns : now;

	if (worker->operations == worker->latencies_max) {
		size_t max = worker->latencies_max ? 2 * worker->latencies_max : 4096;
		uint32_t *latencies = realloc(worker->latencies_us, max * sizeof(*latencies));

		if (!latencies) {
			connection_wrong(worker, c, "out of memory");
			return;
		}
		worker->latencies_us = latencies;
		worker->latencies_max = max;
	}
	worker->latencies_us[worker->operations++] = (uint32_t)((end - c->begun_ns) / 1000);
	worker->last_ns = now;
	worker->resumed += c->stream.resumed;
	worker->talking_count--;
	c->state = worker->options->mode == LOAD_HOLD ? SLOT_HELD : SLOT_LEAVING;
	worker->held_count += c->state == SLOT_HELD;
}

/* The end of the stream is right only after QUIT: then it is the server that hangs up. */
static void
connection_ended(struct worker *worker, struct connection *c)
{
	char problem[256];

	if (c->state == SLOT_LEAVING) {
		connection_free(worker, c);
		return;
	}
	snprintf(problem, sizeof(problem), "%.100s: the server hung up: %s", c->talk.user,
	    c->state == SLOT_HELD ? "held connection" : step_names[c->talk.step]);
	connection_wrong(worker, c, problem);
}

/* Returns false when the connection is free. */
static bool
connection_write(struct worker *worker, struct connection *c)
{
	struct talk *talk = &c->talk;
	ssize_t n;

	while (talk->out_sent < talk->out_size) {
		n = stream_write(&c->stream, talk->out + talk->out_sent, talk->out_size - talk->out_sent,
		    talk->problem);
		if (n == STREAM_BLOCKED)
			return true;
		if (n <= 0) {
			connection_wrong(worker, c, n == 0 ? "the server hung up" : talk->problem);
			return false;
		}
		talk->out_sent += (size_t)n;
	}
	return true;
}

/* Returns false when the connection is free. */
static bool
connection_take(struct worker *worker, struct connection *c, const char *data, size_t size)
{
	enum talk_result result;

	if (c->state != SLOT_TALKING) {
		connection_wrong(worker, c, "the server speaks without being asked");
		return false;
	}
	result = talk_feed(&c->talk, data, size);
	if (c->talk.counted && c->counted_ns == 0)
		c->counted_ns = now_ns();
	switch (result) {
	case TALK_WRONG:
		connection_wrong(worker, c, c->talk.problem);
		return false;
	case TALK_DONE:
		connection_done(worker, c);
		return c->state != SLOT_FREE;
	case TALK_START_TLS:
		if (stream_start_tls(&c->stream, worker->tls) < 0) {
			connection_wrong(worker, c, "OpenSSL refuses a connection");
			return false;
		}
		return connection_write(worker, c);
	default:
		return connection_write(worker, c);
	}
}

/* Edge-triggered: goes on until the socket would block. */
static void
connection_drive(struct worker *worker, struct connection *c, char *buffer)
{
	ssize_t n;

	if (!connection_write(worker, c))
		return;
	for (;;) {
		n = stream_read(&c->stream, buffer, READ_SIZE, c->talk.problem);
		if (n == STREAM_BLOCKED)
			return;
		if (n == STREAM_FAILED) {
			connection_wrong(worker, c, c->talk.problem);
			return;
		}
		if (n == 0) {
			connection_ended(worker, c);
			return;
		}
		if (!connection_take(worker, c, buffer, (size_t)n))
			return;
	}
}

/* The next user in turn that has no connection; -1: all have one. */
static long
user_take(struct worker *worker)
{
	for (size_t i = 0; i < worker->user_count; i++) {
		size_t slot = worker->user_next;

		worker->user_next = (worker->user_next + 1) % worker->user_count;
		if (!worker->user_busy[slot]) {
			worker->user_busy[slot] = true;
			return (long)slot;
		}
	}
	return -1;
}

/* Returns false when nothing can begin now. */
static bool
connection_begin(struct worker *worker, uint64_t due_ns)
{
	const struct options *options = worker->options;
	struct connection *c;
	struct epoll_event event;
	long slot;

	if (worker->free_count == 0 || (slot = user_take(worker)) < 0)
		return false;
	c = &worker->connections[worker->free_slots[--worker->free_count]];
	worker->begun++;
	c->user_slot = (unsigned)slot;
	c->begun_ns = due_ns;
	c->counted_ns = 0;
	c->state = SLOT_TALKING;
	worker->talking_count++;
	talk_begin(
	    &c->talk, options, options->first_user + c->user_slot * options->threads + worker->number);
	if (stream_open(&c->stream, &worker->address) < 0) {
		c->stream.fd = -1;
		connection_wrong(worker, c, strerror(errno));
		return true;
	}
	event = (struct epoll_event){ .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = c };
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, c->stream.fd, &event) < 0)
		connection_wrong(worker, c, strerror(errno));
	else if (options->tls == LOAD_IMPLICIT && stream_start_tls(&c->stream, worker->tls) < 0)
		connection_wrong(worker, c, "OpenSSL refuses a connection");
	return true;
}

/* Begins what is due; returns the milliseconds until more is, or -1. */
static int
worker_begin_due(struct worker *worker)
{
	const struct options *options = worker->options;
	size_t talking_max = share(worker, options->concurrency);

	while (worker->begun < worker->begun_max && worker->talking_count < talking_max &&
	    !worker_stop) {
		uint64_t now = now_ns(), due = now;

		if (options->rate > 0) {
			due = worker->begin_ns +
			    (uint64_t)((double)worker->begun * options->threads / options->rate * 1e9);
			if (due > now && due < worker->end_ns)
				return (int)((due - now) / 1000000 + 1);
		}
		if (now >= worker->end_ns || due >= worker->end_ns || !connection_begin(worker, due))
			return -1;
	}
	return -1;
}

static bool
worker_finished(const struct worker *worker)
{
	bool can_begin = worker->begun < worker->begun_max && now_ns() < worker->end_ns && !worker_stop;

	if (worker->talking_count > 0 || can_begin)
		return false;
	return worker->free_count + worker->held_count == worker->connection_count;
}

static void
worker_check_timeouts(struct worker *worker)
{
	uint64_t limit = (uint64_t)worker->options->timeout_seconds * 1000000000U, now = now_ns();
	char problem[256];

	for (size_t i = 0; i < worker->connection_count; i++) {
		struct connection *c = &worker->connections[i];

		if (c->state == SLOT_FREE || c->state == SLOT_HELD || now - c->begun_ns < limit)
			continue;
		snprintf(problem, sizeof(problem), "%.100s: no end after %u s: %s", c->talk.user,
		    worker->options->timeout_seconds,
		    c->state == SLOT_LEAVING ? "the server does not hang up" : step_names[c->talk.step]);
		connection_wrong(worker, c, problem);
	}
}

static void
worker_wait(struct worker *worker, int milliseconds, char *buffer)
{
	struct epoll_event events[256];
	int n = epoll_wait(worker->epoll, events, 256, milliseconds);

	for (int i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;

		if (c->state != SLOT_FREE)
			connection_drive(worker, c, buffer);
	}
}

void
worker_run(struct worker *worker)
{
	const struct options *options = worker->options;
	char *buffer = malloc(READ_SIZE);
	uint64_t checked_ns = now_ns();

	if (!buffer) {
		worker->errors++;
		return;
	}
	worker->begin_ns = worker->last_ns = checked_ns;
	worker->end_ns = options->count || options->seconds <= 0
	    ? UINT64_MAX
	    : checked_ns + (uint64_t)(options->seconds * 1e9);
	for (;;) {
		int wait = worker_begin_due(worker);

		if (worker_finished(worker))
			break;
		worker_wait(worker, wait >= 0 && wait < 500 ? wait : 500, buffer);
		if (now_ns() - checked_ns > 1000000000U) {
			checked_ns = now_ns();
			worker_check_timeouts(worker);
		}
	}
	free(buffer);
}

void
worker_hold(struct worker *worker)
{
	double seconds = worker->options->seconds;
	uint64_t end = seconds > 0 ? now_ns() + (uint64_t)(seconds * 1e9) : UINT64_MAX;
	char buffer[4096];

	while (!worker_stop && now_ns() < end) {
		struct epoll_event events[64];
		int n = epoll_wait(worker->epoll, events, 64, 200);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			ssize_t got;

			if (c->state == SLOT_FREE)
				continue;
			got = stream_read(&c->stream, buffer, sizeof(buffer), c->talk.problem);
			if (got == 0)
				connection_ended(worker, c);
			else if (got != STREAM_BLOCKED)
				connection_wrong(worker, c,
				    got > 0 ? "the server speaks to a held connection" : c->talk.problem);
		}
	}
}
