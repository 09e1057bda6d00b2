/* What is reported to whom: tables of what happens to a pair of sockets, and of one watch touching another. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/loop.h"

static struct loop loop;
static unsigned turn_count;
static unsigned calls[4]; /* of epoll_ctl(2), by what it was to do */

/* In the C library's place. */
int
epoll_ctl(int epoll, int deed, int descriptor, struct epoll_event *event)
{
	calls[deed]++;
	return (int)syscall(SYS_epoll_ctl, epoll, deed, descriptor, event);
}

static void
turn_over(struct timer *timer)
{
	(void)timer;
	turn_count++;
}

/* One batch: a timer that is due keeps it from waiting. */
static void
turn(void)
{
	struct timer timer = { .expired = turn_over };

	timer_set(&loop.timers, &timer, loop.now);
	loop_wait(&loop);
	assert_false(timer_is_set(&timer));
}

static int
open_all(void **state)
{
	struct error error;

	(void)state;
	return loop_open(&loop, &error);
}

static int
close_all(void **state)
{
	(void)state;
	loop_close(&loop);
	return 0;
}

/* A watch with the other end of its socket, and what it heard. */
struct ear {
	struct watch watch;
	int other;
	uint32_t heard;
	unsigned count;
	void (*act)(struct ear *); /* when it hears; NULL: nothing */
	struct ear *neighbour;
};

static void
ear_ready(struct watch *watch, uint32_t events)
{
	struct ear *ear = watch->owner;

	ear->heard = events;
	ear->count++;
	if (ear->act != NULL)
		ear->act(ear);
}

static void
ear_open(struct ear *ear, uint32_t events)
{
	struct error error;
	int ends[2];

	memset(ear, 0, sizeof(*ear));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	ear->watch = (struct watch){ .descriptor = ends[0], .ready = ear_ready, .owner = ear };
	ear->other = ends[1];
	assert_int_equal(loop_add(&loop, &ear->watch, events, &error), 0);
}

static void
ear_close(struct ear *ear)
{
	watch_end(&ear->watch);
	watch_end(&ear->watch);
	close(ear->watch.descriptor);
	close(ear->other);
}

static void
nothing(struct ear *ear)
{
	(void)ear;
}

static void
say(struct ear *ear)
{
	assert_int_equal(write(ear->other, "x", 1), 1);
}

static void
finish(struct ear *ear)
{
	shutdown(ear->other, SHUT_WR);
}

static void
hang_up(struct ear *ear)
{
	close(ear->other);
	ear->other = -1;
}

/* What it was told remains unread: a reset. */
static void
break_off(struct ear *ear)
{
	assert_int_equal(write(ear->watch.descriptor, "x", 1), 1);
	hang_up(ear);
}

static void
test_what_is_reported(void **state)
{
	static const struct {
		const char *name;
		void (*happen)(struct ear *);
		uint32_t events, heard;
	} rows[] = {
		{ "quiet, reading", nothing, EPOLLIN, 0 },
		{ "quiet, writing", nothing, EPOLLOUT, EPOLLOUT },
		{ "quiet, both", nothing, EPOLLIN | EPOLLOUT, EPOLLOUT },
		{ "octets, reading", say, EPOLLIN, EPOLLIN },
		{ "octets, writing", say, EPOLLOUT, EPOLLOUT },
		{ "octets, both", say, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLOUT },
		{ "octets, nothing", say, 0, 0 },
		{ "end, reading", finish, EPOLLIN, EPOLLIN },
		{ "end, end wanted", finish, EPOLLIN | EPOLLRDHUP, EPOLLIN | EPOLLRDHUP },
		{ "octets, end wanted", say, EPOLLIN | EPOLLRDHUP, EPOLLIN },
		{ "gone, reading", hang_up, EPOLLIN, EPOLLIN },
		{ "gone, writing", hang_up, EPOLLOUT, EPOLLOUT },
		{ "gone, both", hang_up, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLOUT },
		{ "gone, nothing", hang_up, 0, 0 },
		{ "broken, reading", break_off, EPOLLIN, EPOLLIN },
		{ "broken, writing", break_off, EPOLLOUT, EPOLLOUT },
		{ "broken, nothing", break_off, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ear ear;

		print_message("%s\n", rows[i].name);
		ear_open(&ear, rows[i].events);
		rows[i].happen(&ear);
		turn();
		assert_int_equal(ear.heard, rows[i].heard);
		/* Nobody has looked at it: it is told again. */
		turn();
		assert_int_equal(ear.count, rows[i].heard != 0 ? 2 : 0);
		/* It waits for who asks later. */
		watch_for(&ear.watch, 0);
		turn();
		assert_int_equal(ear.count, rows[i].heard != 0 ? 2 : 0);
		ear.heard = 0;
		watch_for(&ear.watch, EPOLLIN);
		turn();
		assert_int_equal(ear.heard, rows[i].happen == nothing ? 0 : EPOLLIN);
		ear_close(&ear);
	}
}

/* A pipe whose writer has gone has nothing to read, says the kernel: it only reports the hang-up. */
static void
test_a_hang_up_is_something_to_read(void **state)
{
	struct ear ear = { .watch = { .ready = ear_ready, .owner = &ear } };
	struct error error;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	ear.watch.descriptor = ends[0];
	assert_int_equal(loop_add(&loop, &ear.watch, EPOLLIN, &error), 0);
	close(ends[1]);
	turn();
	assert_int_equal(ear.heard, EPOLLIN);
	watch_end(&ear.watch);
	close(ends[0]);
}

/* A descriptor that reports without being asked must not keep the loop awake. */
static void
test_who_asks_for_nothing_may_sleep(void **state)
{
	struct timer timer = { .expired = turn_over };
	struct ear ear;
	unsigned waits = 0;

	(void)state;
	ear_open(&ear, EPOLLIN);
	break_off(&ear);
	watch_for(&ear.watch, 0);
	turn_count = 0;
	timer_set(&loop.timers, &timer, loop.now + 50);
	for (; turn_count == 0; waits++)
		loop_wait(&loop);
	/* Once for the edge, once for the timer, which may be a millisecond early. */
	assert_true(waits <= 4);
	ear_close(&ear);
}

static void
end_neighbour(struct ear *ear)
{
	watch_end(&ear->neighbour->watch);
}

static void
silence_neighbour(struct ear *ear)
{
	watch_for(&ear->neighbour->watch, 0);
}

static void
end_both(struct ear *ear)
{
	watch_end(&ear->watch);
	watch_end(&ear->neighbour->watch);
}

static void
test_who_goes_is_not_told(void **state)
{
	static const struct {
		const char *name;
		void (*act)(struct ear *);
		unsigned count; /* of calls, in two batches with two who could be told */
	} rows[] = {
		{ "nobody goes", NULL, 4 },
		{ "the other goes", end_neighbour, 2 },
		{ "both go", end_both, 1 },
		{ "the other is silenced", silence_neighbour, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ear ears[2];

		print_message("%s\n", rows[i].name);
		for (int j = 0; j < 2; j++) {
			ear_open(&ears[j], EPOLLIN);
			ears[j].act = rows[i].act;
			ears[j].neighbour = &ears[1 - j];
			say(&ears[j]);
		}
		turn();
		turn();
		assert_int_equal(ears[0].count + ears[1].count, rows[i].count);
		ear_close(&ears[0]);
		ear_close(&ears[1]);
	}
}

static void
test_what_a_watch_costs(void **state)
{
	static const struct {
		const char *name;
		uint32_t events[4]; /* what it is for, one after the other */
		unsigned changes;
	} rows[] = {
		{ "for the same all its life", { EPOLLIN, EPOLLIN, EPOLLIN, EPOLLIN }, 0 },
		{ "for something else in between", { EPOLLIN, EPOLLOUT, EPOLLOUT, EPOLLIN }, 2 },
		{ "for nothing in between", { EPOLLIN, 0, 0, EPOLLIN }, 2 },
		{ "for nothing at first", { 0, 0, EPOLLIN, EPOLLIN }, 1 },
		{ "for nothing at all", { 0, 0, 0, 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ear ear;

		print_message("%s\n", rows[i].name);
		memset(calls, 0, sizeof(calls));
		ear_open(&ear, rows[i].events[0]);
		for (int j = 1; j < 4; j++) {
			turn();
			watch_for(&ear.watch, rows[i].events[j]);
		}
		ear_close(&ear);
		assert_int_equal(calls[EPOLL_CTL_ADD], 1);
		assert_int_equal(calls[EPOLL_CTL_MOD], rows[i].changes);
		assert_int_equal(calls[EPOLL_CTL_DEL], 1);
	}
}

/* As a client's socket that was handed over: what happens to it is not ours to hear. */
static void
test_a_descriptor_that_others_have_too(void **state)
{
	struct ear ear;
	int others;

	(void)state;
	ear_open(&ear, EPOLLIN);
	others = dup(ear.watch.descriptor);
	watch_end(&ear.watch);
	close(ear.watch.descriptor);
	say(&ear);
	turn();
	assert_int_equal(ear.count, 0);
	close(others);
	close(ear.other);
}

static struct ear heir;

static void
pass_neighbour(struct ear *ear)
{
	if (heir.watch.loop == NULL)
		watch_pass(&ear->neighbour->watch, &heir.watch);
}

/* What is in hand goes with it, and the first is out of it. */
static void
test_who_is_replaced_is_not_told(void **state)
{
	struct ear ears[2];

	(void)state;
	heir = (struct ear){ .watch = { .ready = ear_ready, .owner = &heir } };
	for (int j = 0; j < 2; j++) {
		ear_open(&ears[j], EPOLLIN);
		ears[j].act = pass_neighbour;
		ears[j].neighbour = &ears[1 - j];
		say(&ears[j]);
	}
	turn();
	assert_int_equal(ears[0].count + ears[1].count, 1);
	assert_int_equal(heir.count, 1);
	turn();
	assert_int_equal(ears[0].count + ears[1].count, 2);
	assert_int_equal(heir.count, 2);
	assert_int_equal(heir.watch.events, EPOLLIN);
	watch_for(&heir.watch, 0);
	turn();
	assert_int_equal(heir.count, 2);
	watch_end(&heir.watch);
	ear_close(&ears[0]);
	ear_close(&ears[1]);
}

struct buried {
	struct grave grave;
	struct watch watch;
	struct ear *ear;
};

static void
bury_oneself(struct watch *watch, uint32_t events)
{
	struct buried *buried = watch->owner;

	(void)events;
	watch_end(watch);
	loop_bury(&loop, &buried->grave);
	buried->ear->count++;
}

/* The sanitizers look after it: whoever is buried can be read until the batch is over, and is freed then. */
static void
test_graves(void **state)
{
	struct ear ears[2];
	struct error error;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct buried *buried = calloc(1, sizeof(*buried));

		ear_open(&ears[i], 0);
		watch_end(&ears[i].watch);
		say(&ears[i]);
		buried->ear = &ears[i];
		buried->watch = (struct watch){ .descriptor = ears[i].watch.descriptor,
			.ready = bury_oneself,
			.owner = buried };
		assert_int_equal(loop_add(&loop, &buried->watch, EPOLLIN, &error), 0);
	}
	turn();
	assert_null(loop.graves);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ears[i].count, 1);
		ear_close(&ears[i]);
	}
	/* And by the end of the loop, which is still to come. */
	loop_bury(&loop, calloc(1, sizeof(struct grave)));
}

/* The time when the events were told, and when the timers were. */
static uint64_t seen[2];

static void
see_time(struct ear *ear)
{
	assert_int_equal(turn_count, 0);
	seen[0] = loop.now;
	usleep(3000);
	ear->act = NULL;
}

static void
see_time_again(struct timer *timer)
{
	(void)timer;
	seen[1] = loop.now;
	turn_count++;
}

/* The time of a batch stands still; timers come behind the events, and with none due it waits. */
static void
test_time(void **state)
{
	struct timer timer = { .expired = see_time_again };
	uint64_t before = loop.now;
	struct ear ear;

	(void)state;
	ear_open(&ear, EPOLLIN);
	ear.act = see_time;
	say(&ear);
	turn_count = 0;
	timer_set(&loop.timers, &timer, before);
	loop_wait(&loop);
	assert_int_equal(ear.count, 1);
	assert_int_equal(turn_count, 1);
	assert_true(seen[0] >= before);
	assert_int_equal(seen[0], seen[1]);
	watch_for(&ear.watch, 0);
	timer_set(&loop.timers, &timer, loop.now + 20);
	while (turn_count == 1)
		loop_wait(&loop);
	assert_true(loop.now >= timer.at);
	ear_close(&ear);
}

static void
test_what_cannot_be_polled(void **state)
{
	struct watch watch = { .descriptor = -1, .ready = ear_ready };
	struct error error;

	(void)state;
	assert_int_equal(loop_add(&loop, &watch, EPOLLIN, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_null(watch.loop);
	watch_end(&watch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_reported),
		cmocka_unit_test(test_a_hang_up_is_something_to_read),
		cmocka_unit_test(test_who_asks_for_nothing_may_sleep),
		cmocka_unit_test(test_who_goes_is_not_told),
		cmocka_unit_test(test_what_a_watch_costs),
		cmocka_unit_test(test_a_descriptor_that_others_have_too),
		cmocka_unit_test(test_who_is_replaced_is_not_told),
		cmocka_unit_test(test_graves),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_what_cannot_be_polled),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
