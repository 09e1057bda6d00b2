/* A channel in a loop: what one end says the other hears, in order, until one of them goes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/link.h"

static struct loop loop;
static struct ipc_channel other; /* a login process, which the link does not see */

/* What the link's owner has heard. */
struct ear {
	struct link *link;
	uint64_t sessions[100], close_at; /* 0: never */
	size_t count;
	unsigned gone_count;
	enum error_kind kind;
};

static void
received(struct link *link, struct ipc_message *message)
{
	struct ear *ear = link->owner;

	assert_int_equal(message->type, IPC_FORGET);
	assert_true(ear->count < 100);
	ear->sessions[ear->count++] = message->body.forget.session;
	if (message->body.forget.session == ear->close_at)
		link_close(link);
}

static void
gone(struct link *link, const struct error *error)
{
	struct ear *ear = link->owner;

	assert_false(link_is_open(link));
	ear->gone_count++;
	ear->kind = error->kind;
	free(link);
	ear->link = NULL;
}

static void
ear_open(struct ear *ear)
{
	struct error error;
	int ends[2];

	memset(ear, 0, sizeof(*ear));
	ear->link = calloc(1, sizeof(*ear->link));
	ear->link->owner = ear;
	ear->link->received = received;
	ear->link->gone = gone;
	assert_false(link_is_open(ear->link));
	assert_int_equal(ipc_pair(ends, &error), 0);
	assert_int_equal(link_open(ear->link, &loop, ends[0], IPC_AUTH, IPC_LOGIN, &error), 0);
	assert_true(link_is_open(ear->link));
	channel_open(&other, ends[1], IPC_LOGIN, IPC_AUTH);
}

static void
ear_close(struct ear *ear)
{
	if (ear->link != NULL)
		link_close(ear->link);
	free(ear->link);
	channel_close(&other);
}

static void
say(uint64_t session)
{
	struct ipc_forget forget = { .session = session };
	struct error error;

	assert_int_equal(channel_send(&other, IPC_FORGET, &forget, -1, &error), 0);
	assert_false(channel_wants_write(&other));
}

static void
time_is_up(struct timer *timer)
{
	(void)timer;
}

static void
turn(void)
{
	struct timer timer = { .expired = time_is_up };

	timer_set(&loop.timers, &timer, loop.now);
	loop_wait(&loop);
}

static void
say_nothing(void)
{
}

static void
hang_up(void)
{
	channel_close(&other);
}

static void
say_nonsense(void)
{
	assert_int_equal(send(other.descriptor, "nonsense", 8, 0), 8);
}

static void
test_hearing(void **state)
{
	static const struct {
		const char *name;
		uint64_t said, close_at;
		void (*then)(void);
		unsigned turns;
		size_t heard;
		enum error_kind gone; /* ERROR_NONE: it is not told so */
	} rows[] = {
		{ "quiet", 0, 0, say_nothing, 2, 0, ERROR_NONE },
		{ "in order", 3, 0, say_nothing, 1, 3, ERROR_NONE },
		{ "others have their turn", 40, 0, say_nothing, 1, 32, ERROR_NONE },
		{ "and then it goes on", 40, 0, say_nothing, 2, 40, ERROR_NONE },
		{ "the end stands behind what was said", 3, 0, hang_up, 2, 3, ERROR_GONE },
		{ "so does nonsense", 3, 0, say_nonsense, 2, 3, ERROR_PROTOCOL },
		{ "closed by whom it told something", 3, 2, say_nothing, 2, 2, ERROR_NONE },
		{ "which need not hear of the end", 3, 2, hang_up, 2, 2, ERROR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ear ear;

		print_message("%s\n", rows[i].name);
		ear_open(&ear);
		ear.close_at = rows[i].close_at;
		for (uint64_t session = 1; session <= rows[i].said; session++)
			say(session);
		rows[i].then();
		for (unsigned j = 0; j < rows[i].turns; j++)
			turn();
		assert_int_equal(ear.count, rows[i].heard);
		for (size_t j = 0; j < ear.count; j++)
			assert_int_equal(ear.sessions[j], j + 1);
		assert_int_equal(ear.gone_count, rows[i].gone != ERROR_NONE);
		assert_int_equal(ear.kind, rows[i].gone);
		ear_close(&ear);
	}
}

/* What does not go out at once goes out later, in order, and then nobody waits for room any more. */
static void
test_saying_much(void **state)
{
	struct ipc_refused refused = { .kind = ERROR_DENIED };
	struct ipc_message message;
	struct error error;
	struct ear ear;
	uint64_t said = 0, heard = 0;

	(void)state;
	ear_open(&ear);
	assert_int_equal(ear.link->watch.events, EPOLLIN);
	while (!channel_wants_write(&ear.link->channel) || said % 10 != 0) {
		refused.session = ++said;
		assert_int_equal(link_send(ear.link, IPC_REFUSED, &refused, -1, &error), 0);
	}
	assert_int_equal(ear.link->watch.events, EPOLLIN | EPOLLOUT);
	while (heard < said) {
		while (channel_receive(&other, &message, &error) > 0)
			assert_int_equal(message.body.refused.session, ++heard);
		turn();
	}
	assert_int_equal(ear.link->watch.events, EPOLLIN);
	ear_close(&ear);
}

static void
test_saying_something_to_nobody(void **state)
{
	struct ipc_refused refused = { .kind = ERROR_DENIED };
	struct error error;
	struct ear ear;

	(void)state;
	ear_open(&ear);
	hang_up();
	assert_int_equal(link_send(ear.link, IPC_REFUSED, &refused, -1, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	assert_int_equal(ear.gone_count, 0);
	turn();
	assert_int_equal(ear.gone_count, 1);
	ear_close(&ear);

	ear_open(&ear);
	link_close(ear.link);
	link_close(ear.link);
	assert_int_equal(link_send(ear.link, IPC_REFUSED, &refused, -1, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	turn();
	assert_int_equal(ear.gone_count, 0);
	ear_close(&ear);
}

/* A file cannot be polled; the descriptor is closed all the same. */
static void
test_what_is_no_channel(void **state)
{
	struct link link = { .received = received };
	FILE *file = tmpfile();
	struct error error;
	int descriptor = dup(fileno(file));

	(void)state;
	assert_int_equal(link_open(&link, &loop, descriptor, IPC_AUTH, IPC_LOGIN, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_false(link_is_open(&link));
	assert_int_equal(close(descriptor), -1);
	fclose(file);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hearing),
		cmocka_unit_test(test_saying_much),
		cmocka_unit_test(test_saying_something_to_nobody),
		cmocka_unit_test(test_what_is_no_channel),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
