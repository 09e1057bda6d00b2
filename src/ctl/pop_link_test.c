/*
 * Another server's silence and slowness: they end, whatever it does. Time is what the test says it
 * is, and nothing is waited for.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "ctl/pop_link.h"

#define TURNS_MAX 100000

static struct {
	uint64_t now_milliseconds;
	unsigned silence_milliseconds;	/* between two octets of the server */
} world;

/* Linked in place of the real ones. */
uint64_t __wrap_clock_milliseconds(void);
int __wrap_poll(struct pollfd *, nfds_t, int timeout_milliseconds);

uint64_t
__wrap_clock_milliseconds(void)
{
	return world.now_milliseconds;
}

int
__wrap_poll(struct pollfd *polled, nfds_t count, int timeout_milliseconds)
{
	assert_int_equal(count, 1);
	if (timeout_milliseconds < 0)
		fail_msg("it would wait for ever");
	if (world.silence_milliseconds > (unsigned)timeout_milliseconds) {
		world.now_milliseconds += (unsigned)timeout_milliseconds;
		return 0;
	}
	world.now_milliseconds += world.silence_milliseconds;
	polled->revents = polled->events;
	return 1;
}

/* An octet after each silence; how it ended. 0: it did not. */
static int
octets_take(struct pop_link *link, int server, struct error *error)
{
	char octet;

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		assert_int_equal(write(server, "x", 1), 1);
		if (pop_link_fill(link, &octet, 1, error) < 0)
			return -1;
	}
	return 0;
}

static int
octets_send(struct pop_link *link, int server, struct error *error)
{
	char octet;

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		if (pop_link_send(link, "x", 1, error) != 0)
			return -1;
		assert_int_equal(read(server, &octet, 1), 1);
	}
	return 0;
}

static int
server_listen(char port[8])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	snprintf(port, 8, "%u", (unsigned)ntohs(address.sin_port));
	return listener;
}

static void
test_a_slow_server(void **state)
{
	static const struct {
		unsigned silence_milliseconds;
		const char *says;
	} cases[] = {
		{ 3600000, "the server does not answer" },
		{ 50000, "the server takes too long" },
		{ 1000, "the server takes too long" },
	};
	char port[8];
	int listener = server_listen(port);
	const struct pop_server server = { .host = "127.0.0.1", .port = port, .tls = POP_TLS_NONE };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = { .kind = ERROR_NONE };
		struct pop_link link;
		int end;

		world.silence_milliseconds = cases[i / 2].silence_milliseconds;
		assert_int_equal(pop_link_open(&link, &server, &error), 0);
		end = accept(listener, NULL, NULL);
		assert_int_equal((i % 2 == 0 ? octets_take : octets_send)(&link, end, &error), -1);
		assert_string_equal(error.text, cases[i / 2].says);
		pop_link_close(&link);
		close(end);
	}
	close(listener);
}

/* connect(2) has the patience of the socket. */
static void
test_connecting_ends(void **state)
{
	char port[8];
	int listener = server_listen(port);
	const struct pop_server server = { .host = "127.0.0.1", .port = port, .tls = POP_TLS_NONE };
	struct timeval patience = { 0 };
	socklen_t size = sizeof(patience);
	struct pop_link link;
	struct error error;

	(void)state;
	assert_int_equal(pop_link_open(&link, &server, &error), 0);
	assert_int_equal(getsockopt(link.descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, &size), 0);
	assert_in_range(patience.tv_sec, 1, 60);
	pop_link_close(&link);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_slow_server),
		cmocka_unit_test(test_connecting_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
