/* Guessers are slowed and stopped; who logs in well is not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "auth/throttle.h"

#define MINUTE 60000ull
#define DAY    (24 * 60 * MINUTE)

static struct throttle throttle;

static enum throttle_answer
begin(const char *peer, const char *user, uint64_t now)
{
	struct throttle_ticket ticket;

	throttle_ticket(&throttle, &ticket, peer, user);
	return throttle_begin(&throttle, &ticket, now);
}

static void
end(const char *peer, const char *user, enum throttle_outcome outcome, uint64_t now)
{
	struct throttle_ticket ticket;

	throttle_ticket(&throttle, &ticket, peer, user);
	throttle_end(&throttle, &ticket, outcome, now);
}

static uint64_t
delay(const char *peer, const char *user, uint64_t now)
{
	struct throttle_ticket ticket;

	throttle_ticket(&throttle, &ticket, peer, user);
	return throttle_delay_milliseconds(&throttle, &ticket, now);
}

static void
guess(const char *peer, const char *user, uint64_t now)
{
	assert_int_equal(begin(peer, user, now), THROTTLE_GO);
	end(peer, user, THROTTLE_WRONG, now);
}

static void
succeed(const char *peer, const char *user, uint64_t now)
{
	assert_int_equal(begin(peer, user, now), THROTTLE_GO);
	end(peer, user, THROTTLE_RIGHT, now);
}

static void
test_an_address_is_refused(void **state)
{
	static const uint64_t delays[] = { 1000, 2000, 4000, 8000, 15000 };
	char user[32];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		guess("192.0.2.1:1", user, MINUTE + i);
		assert_int_equal(delay("192.0.2.1:2", user, MINUTE), delays[i]);
	}
	assert_int_equal(begin("192.0.2.1:9", "other", MINUTE + 10), THROTTLE_REFUSE);
	assert_int_equal(delay("192.0.2.1:9", "other", MINUTE), 15000);
	assert_int_equal(begin("192.0.2.2:9", "other", MINUTE + 10), THROTTLE_GO);
	/* The refusals themselves do not make it last longer. */
	assert_int_equal(begin("192.0.2.1:9", "other", 2 * MINUTE + 3), THROTTLE_REFUSE);
	assert_int_equal(begin("192.0.2.1:9", "other", 2 * MINUTE + 4), THROTTLE_GO);
}

static void
test_a_user_is_refused(void **state)
{
	char peer[32];

	(void)state;
	succeed("203.0.113.1:1", "anna", MINUTE);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%u:1", i);
		guess(peer, "anna", MINUTE);
	}
	assert_int_equal(begin("192.0.2.77:1", "anna", MINUTE), THROTTLE_REFUSE);
	assert_int_equal(begin("192.0.2.77:1", "bert", MINUTE), THROTTLE_GO);
	/* But not for anna herself, where she was a while ago. */
	assert_int_equal(begin("203.0.113.1:2", "anna", MINUTE), THROTTLE_GO);
	end("203.0.113.1:2", "anna", THROTTLE_UNDECIDED, MINUTE);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%u:1", i);
		guess(peer, "anna", 30 * DAY);
	}
	assert_int_equal(begin("192.0.2.77:1", "anna", 30 * DAY), THROTTLE_REFUSE);
	assert_int_equal(begin("203.0.113.1:2", "anna", 30 * DAY), THROTTLE_GO);
	end("203.0.113.1:2", "anna", THROTTLE_UNDECIDED, 30 * DAY);
	/* Thirty days later she is a stranger there. */
	for (unsigned i = 0; i < 50; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%u:1", i);
		guess(peer, "anna", 30 * DAY + MINUTE);
	}
	assert_int_equal(begin("203.0.113.1:2", "anna", 30 * DAY + MINUTE), THROTTLE_REFUSE);
}

/* Whoever guesses wrong on purpose, to shut somebody out, shuts out only himself. */
static void
test_one_stranger_shuts_nobody_out(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		guess("192.0.2.1:1", "anna", MINUTE);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(begin("192.0.2.1:1", "anna", MINUTE), THROTTLE_REFUSE);
	succeed("203.0.113.1:1", "anna", MINUTE);
}

static void
test_a_good_address_is_not_refused(void **state)
{
	char user[32];

	(void)state;
	succeed("192.0.2.1:1", "anna", MINUTE);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		guess("192.0.2.1:1", user, MINUTE);
	}
	assert_int_equal(begin("192.0.2.1:1", "anna", MINUTE), THROTTLE_GO);
	end("192.0.2.1:1", "anna", THROTTLE_UNDECIDED, MINUTE);
	/* Its good name is no licence to guess about one user for ever. */
	for (unsigned i = 0; i < 50; i++)
		guess("192.0.2.1:1", "bert", MINUTE);
	assert_int_equal(begin("192.0.2.1:1", "bert", MINUTE), THROTTLE_REFUSE);
	/* Nor does it last. */
	for (unsigned i = 0; i < 5; i++) {
		snprintf(user, sizeof(user), "late%u", i);
		guess("192.0.2.1:1", user, 11 * MINUTE - 1);
	}
	assert_int_equal(begin("192.0.2.1:1", "carl", 11 * MINUTE), THROTTLE_REFUSE);
}

static void
test_a_good_address_may_mistype(void **state)
{
	(void)state;
	succeed("192.0.2.1:1", "anna", MINUTE);
	for (unsigned i = 0; i < 5; i++) {
		guess("192.0.2.1:1", "anna", MINUTE);
		assert_int_equal(delay("192.0.2.1:1", "anna", MINUTE), 1000);
	}
	/* Elsewhere it is a guess at anna, and a wrong password of bert is a guess here, too. */
	assert_int_equal(delay("192.0.2.2:1", "anna", MINUTE), 15000);
	assert_int_equal(delay("192.0.2.1:1", "bert", MINUTE), 15000);
	/* No licence to guess from behind her address; but when she was right it begins anew. */
	guess("192.0.2.1:1", "anna", MINUTE);
	assert_int_equal(delay("192.0.2.1:1", "anna", MINUTE), 15000);
	succeed("192.0.2.1:1", "anna", MINUTE);
	guess("192.0.2.1:1", "anna", MINUTE);
	assert_int_equal(delay("192.0.2.1:1", "anna", MINUTE), 1000);
}

static void
test_parallel_guesses_count_at_once(void **state)
{
	char peer[32];

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(begin("192.0.2.1:1", "anna", MINUTE), THROTTLE_GO);
	assert_int_equal(begin("192.0.2.1:1", "anna", MINUTE), THROTTLE_LATER);
	assert_int_equal(begin("192.0.2.1:1", "bert", MINUTE), THROTTLE_LATER);
	for (unsigned i = 0; i < 45; i++) {
		snprintf(peer, sizeof(peer), "198.51.100.%u:1", i);
		assert_int_equal(begin(peer, "anna", MINUTE), THROTTLE_GO);
	}
	assert_int_equal(begin("192.0.2.2:1", "anna", MINUTE), THROTTLE_LATER);
	assert_int_equal(begin("192.0.2.2:1", "bert", MINUTE), THROTTLE_GO);
	/* One was right: that address is trusted from now on. */
	end("192.0.2.1:1", "anna", THROTTLE_RIGHT, MINUTE);
	assert_int_equal(begin("192.0.2.1:1", "anna", MINUTE), THROTTLE_GO);
	end("192.0.2.1:1", "anna", THROTTLE_UNDECIDED, MINUTE);
	/* The others were wrong; elsewhere one more may be tried at a time, then none. */
	for (unsigned i = 0; i < 4; i++)
		end("192.0.2.1:1", "anna", THROTTLE_WRONG, MINUTE);
	for (unsigned i = 0; i < 45; i++) {
		snprintf(peer, sizeof(peer), "198.51.100.%u:1", i);
		end(peer, "anna", THROTTLE_WRONG, MINUTE);
	}
	assert_int_equal(begin("192.0.2.3:1", "anna", MINUTE), THROTTLE_GO);
	assert_int_equal(begin("192.0.2.3:1", "anna", MINUTE), THROTTLE_LATER);
	end("192.0.2.3:1", "anna", THROTTLE_WRONG, MINUTE);
	assert_int_equal(begin("192.0.2.3:1", "anna", MINUTE), THROTTLE_REFUSE);
}

static void
test_undecided_is_no_failure(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(begin("192.0.2.1:1", "anna", MINUTE), THROTTLE_GO);
		end("192.0.2.1:1", "anna", THROTTLE_UNDECIDED, MINUTE);
	}
	assert_int_equal(delay("192.0.2.1:1", "anna", MINUTE), 1000);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *guesser, *other;
		bool same;
	} cases[] = {
		{ "192.0.2.1:1", "192.0.2.1:65535", true },
		{ "192.0.2.1:1", "192.0.2.10:1", false },
		{ "[2001:db8::1]:1", "[2001:db8::ffff:2]:2", true },
		{ "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1:9", true },
		{ "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false },
		{ "local", "local", true },
		{ "", "", true },
		{ "]:1", "[]:1", false },
		{ ":", "[", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t now = (i + 1) * 100 * MINUTE;
		char user[32];

		print_message("%s %s\n", cases[i].guesser, cases[i].other);
		for (unsigned j = 0; j < 5; j++) {
			snprintf(user, sizeof(user), "user%zu-%u", i, j);
			guess(cases[i].guesser, user, now);
		}
		snprintf(user, sizeof(user), "other%zu", i);
		assert_int_equal(begin(cases[i].other, user, now),
		    cases[i].same ? THROTTLE_REFUSE : THROTTLE_GO);
		if (!cases[i].same)
			end(cases[i].other, user, THROTTLE_UNDECIDED, now);
	}
}

static void
test_settings(void **state)
{
	(void)state;
	throttle_configure(&throttle, 0, 60, 0);
	for (unsigned i = 0; i < 50; i++)
		guess("192.0.2.1:1", "anna", MINUTE);
	assert_int_equal(delay("192.0.2.1:1", "anna", MINUTE), 0);
	throttle_configure(&throttle, 5, 60, 20000);
	assert_int_equal(begin("192.0.2.1:1", "anna", MINUTE), THROTTLE_REFUSE);
	assert_int_equal(delay("192.0.2.1:1", "anna", MINUTE), 15000);
}

static int
set_up(void **state)
{
	struct digest_key key;
	struct error error;

	(void)state;
	if (digest_key_make(&key, &error) < 0 || throttle_open(&throttle, &key, &error) < 0)
		return -1;
	throttle_configure(&throttle, 5, 60, 1000);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	throttle_close(&throttle);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_address_is_refused),
		TEST(test_a_user_is_refused),
		TEST(test_one_stranger_shuts_nobody_out),
		TEST(test_a_good_address_is_not_refused),
		TEST(test_a_good_address_may_mistype),
		TEST(test_parallel_guesses_count_at_once),
		TEST(test_undecided_is_no_failure),
		TEST(test_addresses),
		TEST(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
