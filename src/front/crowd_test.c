/* Counting by address, and deadlines in order. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "front/crowd.h"

static struct peer
peer_named(const char *address, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct peer peer;

	if (inet_pton(AF_INET, address, &in.sin_addr) == 1) {
		peer_from(&peer, (struct sockaddr *)&in);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
		peer_from(&peer, (struct sockaddr *)&in6);
	}
	return peer;
}

static void
test_peers(void **state)
{
	static const struct {
		const char *address, *text;
		bool loopback;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1:4711", true },
		{ "127.255.3.4", "127.255.3.4:4711", true },
		{ "128.0.0.1", "128.0.0.1:4711", false },
		{ "192.0.2.1", "192.0.2.1:4711", false },
		{ "::ffff:192.0.2.1", "192.0.2.1:4711", false },
		{ "::ffff:127.0.0.1", "127.0.0.1:4711", true },
		{ "::1", "[::1]:4711", true },
		{ "::2", "[::2]:4711", false },
		{ "2001:db8::1", "[2001:db8::1]:4711", false },
		{ "7f00::1", "[7f00::1]:4711", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer peer = peer_named(rows[i].address, 4711);
		char text[PEER_SIZE];

		peer_text(&peer, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(peer_is_loopback(&peer), rows[i].loopback);
	}
}

static void
test_addresses(void **state)
{
	static struct addresses addresses = { .seed = 12345 };
	struct peer one = peer_named("192.0.2.1", 1), same = peer_named("::ffff:192.0.2.1", 2);
	struct peer many = peer_named("2001:db8::", 3);

	(void)state;
	assert_true(addresses_enter(&addresses, &one, 2));
	assert_true(addresses_enter(&addresses, &same, 2));
	assert_false(addresses_enter(&addresses, &one, 2));
	/* Others are not touched by it, however many. */
	for (int i = 0; i < 5000; i++) {
		memcpy(many.address + 4, &i, sizeof(i));
		assert_true(addresses_enter(&addresses, &many, 1));
		assert_false(addresses_enter(&addresses, &many, 1));
	}
	addresses_leave(&addresses, &same);
	assert_true(addresses_enter(&addresses, &one, 2));
	assert_false(addresses_enter(&addresses, &one, 2));
	addresses_leave(&addresses, &one);
	addresses_leave(&addresses, &one);
	for (int i = 0; i < 5000; i++) {
		memcpy(many.address + 4, &i, sizeof(i));
		addresses_leave(&addresses, &many);
	}
	/* Nothing stays behind. */
	for (size_t i = 0; i < ADDRESS_BUCKETS; i++)
		assert_null(addresses.buckets[i]);
	assert_false(addresses_enter(&addresses, &one, 0));
}

static void
test_whose_connections_count_together(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "::1", "::ffff:127.0.0.1", false },
		{ "::", "0.0.0.0", false },
	};
	static struct addresses addresses = { .seed = 54321 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer one = peer_named(rows[i].one, 1), other = peer_named(rows[i].other, 2);

		print_message("%s %s\n", rows[i].one, rows[i].other);
		assert_true(addresses_enter(&addresses, &one, 1));
		assert_int_equal(addresses_enter(&addresses, &other, 1), !rows[i].same);
		addresses_leave(&addresses, &one);
		if (!rows[i].same)
			addresses_leave(&addresses, &other);
		for (size_t j = 0; j < ADDRESS_BUCKETS; j++)
			assert_null(addresses.buckets[j]);
	}
}

static struct deadlines deadlines;
static int order[8], expired_count;

struct thing {
	int number;
	struct deadline deadline;
};

static void
expired(struct deadline *deadline)
{
	struct thing *thing = (struct thing *)((char *)deadline - offsetof(struct thing, deadline));

	order[expired_count++] = thing->number;
	deadlines_remove(&deadlines, deadline);
}

/* The first to come is the first to go; who leaves early is not asked; "never" is never. */
static void
test_deadlines(void **state)
{
	struct thing things[4] = { { .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct loop loop;
	struct error error;
	uint64_t now;

	(void)state;
	assert_int_equal(loop_open(&loop, &error), 0);
	deadlines_init(&deadlines, &loop, expired);
	now = loop.now;
	assert_null(deadlines_first(&deadlines));
	deadlines_add(&deadlines, &things[0].deadline, now + 5);
	deadlines_add(&deadlines, &things[1].deadline, now + 10);
	deadlines_add(&deadlines, &things[2].deadline, now + 15);
	deadlines_add(&deadlines, &things[3].deadline, DEADLINE_NEVER);
	assert_ptr_equal(deadlines_first(&deadlines), &things[0].deadline);
	assert_ptr_equal(deadlines_next(&deadlines, &things[0].deadline), &things[1].deadline);
	assert_null(deadlines_next(&deadlines, &things[3].deadline));
	deadlines_remove(&deadlines, &things[0].deadline);
	/* One timer is for all: this is not asked of the first, but it is looked again. */
	while (timer_is_set(&deadlines.timer))
		loop_wait(&loop);
	assert_int_equal(expired_count, 2);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	assert_int_equal(deadlines.count, 1);
	loop_close(&loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_whose_connections_count_together),
		cmocka_unit_test(test_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
