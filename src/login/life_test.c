/*
 * The real restante-login when others die, leave, send much, or give orders. What is said on a
 * connection is in talks_test.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "login/fake_ring.h"
#include "login/login.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Auth dies while somebody waits, and while somebody thinks about a challenge. */
static void
test_auth_dies(void **state)
{
	struct fake_user *waiting, *thinking, *later;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	waiting = user_connect(&ring, PORT_PLAIN);
	user_expects(waiting, READY);
	user_says(waiting, "USER silent\r\nPASS x\r\nCAPA\r\n", 27);
	user_expects(waiting, "+OK send PASS\r\n");
	thinking = user_connect(&ring, PORT_PLAIN);
	user_expects(thinking, READY);
	user_says(thinking, "AUTH PLAIN\r\n", 12);
	user_expects(thinking, "+ \r\n");
	while (ring.asking == 0)
		assert_true(ring_serve(&ring, 10000));
	ring_auth_dies(&ring);
	user_expects(waiting, "-ERR [SYS/TEMP] login is not possible at the moment\r\n"
	    CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" CAPA_TAIL);
	later = user_connect(&ring, PORT_PLAIN);
	user_expects(later, READY);
	user_says(later, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(later, "+OK send PASS\r\n-ERR [SYS/TEMP] login is not possible at the moment\r\n");

	ring_new_auth(&ring);
	ring_sync(&ring);
	user_says(thinking, "AGFubmEAc2VjcmV0\r\n", 18);
	user_expects(thinking, "-ERR [SYS/TEMP] login is not possible at the moment\r\n");
	user_says(thinking, "AUTH PLAIN AGFubmEAc2VjcmV0\r\n", 29);
	user_expects(thinking, "+OK open []\r\n");
	user_says(waiting, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(waiting, "+OK send PASS\r\n+OK open []\r\n");
	user_leaves(waiting);
	user_leaves(thinking);
	user_leaves(later);
	ring_stop(&ring);
}

/* A client that leaves while auth thinks is forgotten; one whose maildrop has gone hears of it. */
static void
test_leaving(void **state)
{
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;
	char early[6000];

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	user_says(user, "AUTH PLAIN\r\n", 12);
	user_expects(user, "+ \r\n");
	user_leaves(user);
	while (ring.forgets == 0)
		assert_true(ring_serve(&ring, 10000));

	/* The maildrop dies while the session is pumped. */
	user = user_logs_in(&ring, PORT_TLS);
	ring.idle_maildrops = true;
	user_says(user, "STAT\r\n", 6);
	/* A command that it has not read makes its end a reset. */
	maildrop_await(&ring, &ring.maildrops[0]);
	maildrop_closes(&ring.maildrops[0]);
	user_expects_end(user);
	user_leaves(user);
	ring.idle_maildrops = false;

	/* Very much behind the password: what does not fit along waits in the kernel. */
	memset(early, 'x', sizeof(early));
	memcpy(early, "USER anna\r\nPASS secret\r\n", 24);
	user = user_connect(&ring, PORT_TLS);
	user_expects(user, READY);
	ring.idle_maildrops = true;
	user_says(user, early, sizeof(early));
	user_expects(user, "+OK send PASS\r\n");
	ring.idle_maildrops = false;
	user_hears(user, early, 10);
	assert_memory_equal(early, "+OK open [", 10);
	assert_true(ring.maildrops[0].early_size >= READ_SIZE - 24);
	/* The client goes; its maildrop session sees the end. */
	user_leaves(user);
	while (ring.maildrops[0].stream >= 0)
		assert_true(ring_serve(&ring, 10000));
	ring_stop(&ring);
}

/* What lies about when it reads at last, or when it closes, must not get lost or in the way. */
static void
test_much_at_once(void **state)
{
	struct fake_user *plain, *tls;
	struct fake_ring ring;
	struct config config;
	char junk[5000];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	plain = user_connect(&ring, PORT_PLAIN);
	user_expects(plain, READY);
	tls = user_connect(&ring, PORT_TLS);
	user_expects(tls, READY);
	ring_hold(&ring);
	/* The last reply arrives although more was said than anybody reads. */
	user_says(plain, "QUIT\r\n", 6);
	user_says(plain, junk, sizeof(junk));
	/* Records that come together are all worked off. */
	user_says(tls, "USER eve\r\n", 10);
	user_says(tls, "USER anna\r\n", 11);
	user_says(tls, "PASS secret\r\n", 13);
	user_says(tls, "NOOP\r\n", 6);
	user_says(tls, "QUIT\r\n", 6);
	ring_go_on(&ring);
	user_expects(plain, "+OK goodbye\r\n");
	user_expects_end(plain);
	user_expects(tls, "+OK send PASS\r\n+OK send PASS\r\n+OK open [");
	while (ring.maildrops[0].stream >= 0)
		assert_true(ring_serve(&ring, 10000));
	user_leaves(plain);
	user_leaves(tls);
	ring_stop(&ring);
}

/* Much data both ways, with ends that do not read for a while. */
static void
test_pump(void **state)
{
	enum { SIZE = 3 << 20 };
	char *data = malloc(SIZE), *heard = malloc(SIZE + 1);
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;
	size_t sent = 0, used = 0;
	struct fake_maildrop *maildrop = &ring.maildrops[0];

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 31 + (i >> 13));
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	user = user_logs_in(&ring, PORT_TLS);
	ring.idle_maildrops = true;

	/* From the maildrop, as fast as it goes; then the maildrop ends it. */
	while (sent < SIZE) {
		size_t part = SIZE - sent < PAIR_OCTETS_MAX ? SIZE - sent : PAIR_OCTETS_MAX;

		if (maildrop_says(maildrop, PAIR_OCTETS, data + sent, part)) {
			sent += part;
			continue;
		}
		used += user_hears(user, heard + used, 5000);
	}
	/* To the maildrop, which does not read. */
	user_says(user, data, 1 << 20);
	used += user_hears(user, heard + used, SIZE - used);
	assert_int_equal(used, SIZE);
	assert_memory_equal(heard, data, SIZE);
	for (used = 0; used < 1 << 20;) {
		ssize_t n;

		maildrop_await(&ring, maildrop);
		n = maildrop_hears(maildrop, heard + used, (1 << 20) - used);
		assert_true(n > 0);
		used += (size_t)n;
	}
	assert_memory_equal(heard, data, 1 << 20);
	/* The last words of the maildrop arrive. */
	for (sent = 0; sent < 100000; sent += 25000)
		assert_true(maildrop_says(maildrop, PAIR_OCTETS, data + sent, 25000));
	maildrop_closes(maildrop);
	assert_int_equal(user_hears(user, heard, 100000), 100000);
	user_expects_end(user);
	user_leaves(user);
	ring_stop(&ring);
	free(data);
	free(heard);
}

static void
send_to(struct fake_ring *ring, enum ipc_type type, const void *body)
{
	struct error error;

	assert_int_equal(channel_send(&ring->parent, type, body, -1, &error), 0);
}

/* Nobody who is connected notices a reload. */
static void
test_reload(void **state)
{
	static struct fake_certificate mixed;
	const struct fake_certificate *bad[] = { &mixed };
	struct fake_user *pumped, *after;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	pumped = user_logs_in(&ring, PORT_TLS);

	/* Bad keys change nothing; good ones and new listeners disturb nobody. */
	mixed = fake_certificates.ec;
	memcpy(mixed.key, fake_certificates.rsa.key, sizeof(mixed.key));
	ring_send_keys(&ring, bad, 1);
	ring_send_listeners(&ring, 2);
	after = user_connect(&ring, PORT_TLS);
	user_expects(after, READY);
	user_leaves(after);
	assert_true(ring_logged(&ring, "pair-1.pem: the private key does not belong"));
	ring_send_keys(&ring, (const struct fake_certificate *[]){ &fake_certificates.rsa }, 1);
	ring_send_listeners(&ring, 3);
	ring_sync(&ring);
	ring.keep_tickets = true;
	after = user_connect(&ring, PORT_TLS);
	user_expects(after, READY);
	user_leaves(after);
	/* The keys of tickets outlive those of certificates. */
	after = user_connect(&ring, PORT_TLS);
	user_expects(after, READY);
	assert_true(user_resumed(after));
	user_says(pumped, "NOOP\r\n", 6);
	user_expects(pumped, "NOOP\r\n");

	/* A listener that is not part of the next generation is closed. */
	close(ring.listeners[PORT_PLAIN]);
	ring.listeners[PORT_PLAIN] = -1;
	ring_send_listeners(&ring, 4);
	ring_sync(&ring);
	assert_null(user_connect_raw(&ring, PORT_PLAIN));
	user_leaves(after);
	user_leaves(pumped);
	ring_stop(&ring);
}

static void
test_parents_wishes(void **state)
{
	struct ipc_report report = { .ticket = 7, .kind = IPC_REPORT_COUNTS };
	struct ipc_kick kick = { .ticket = 8 };
	struct ipc_stop stop = { .grace_seconds = 60 };
	struct fake_user *pumped, *young, *after, *delayed;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	config.bad_command_delay_milliseconds = 5000;
	ring_start(&ring, &config, &fake_certificates);
	pumped = user_logs_in(&ring, PORT_TLS);
	young = user_connect(&ring, PORT_STLS);
	user_expects(young, READY);
	user_says(young, "USER silent\r\nPASS x\r\n", 21);
	user_expects(young, "+OK send PASS\r\n");

	/* counts */
	send_to(&ring, IPC_REPORT, &report);
	while (!ring.report_ended)
		assert_true(ring_serve(&ring, 10000));
	assert_int_equal(ring.report_end.ticket, 7);
	assert_int_equal(ring.row_count, 2);
	assert_string_equal(ring.rows[0].name, "connections before login");
	assert_int_equal(ring.rows[0].number, 1);
	assert_string_equal(ring.rows[1].name, "tls sessions pumped");
	assert_int_equal(ring.rows[1].number, 1);

	/* kick */
	kick.session = ring.asking;
	ring.report_ended = false;
	send_to(&ring, IPC_KICK, &kick);
	user_expects_end(young);
	user_leaves(young);
	while (!ring.report_ended)
		assert_true(ring_serve(&ring, 10000));
	assert_int_equal(ring.report_end.ticket, 8);
	assert_int_equal(ring.report_end.number, 1);

	after = user_connect(&ring, PORT_TLS);
	user_expects(after, READY);

	/* The first is answered at once. */
	delayed = user_connect(&ring, PORT_PLAIN);
	user_expects(delayed, READY);
	user_says(delayed, "BAD\r\nBAD\r\n", 10);
	user_expects(delayed, "-ERR unknown command\r\n");

	/* The end: who has not logged in goes, who has may finish. */
	send_to(&ring, IPC_STOP, &stop);
	user_expects_end(after);
	user_leaves(after);
	user_expects_end(delayed);
	user_leaves(delayed);
	user_says(pumped, "QUIT\r\n", 6);
	user_expects(pumped, "QUIT\r\n");
	user_expects_end(pumped);
	user_leaves(pumped);
	ring_wait(&ring);
}

/* Who does not finish in time is not waited for. */
static void
test_grace_is_limited(void **state)
{
	struct ipc_stop stop = { .grace_seconds = 1 };
	struct fake_user *pumped;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	pumped = user_logs_in(&ring, PORT_TLS);
	send_to(&ring, IPC_STOP, &stop);
	user_expects_end(pumped);
	user_leaves(pumped);
	ring_wait(&ring);
}

/*
 * One pair serves one session after another, each client hears its own alone, and what the one said behind
 * its end is nothing to the next.
 */
static void
test_a_pair_is_used_again(void **state)
{
	struct fake_user *anna, *bert, *third;
	struct fake_ring ring;
	struct config config;
	uint64_t first;
	int stream;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	ring.parting = true;
	anna = user_logs_in(&ring, PORT_TLS);
	stream = ring.maildrops[0].stream;
	first = ring.maildrops[0].handover.session;
	user_says(anna, "QUIT\r\n", 6);
	user_expects(anna, "QUIT\r\n");
	user_expects_end(anna);
	user_leaves(anna);
	bert = user_logs_in(&ring, PORT_TLS);
	assert_int_equal(ring.maildrops[0].stream, stream);
	assert_true(ring.maildrops[0].handover.session != first);
	/* While it is in use another session gets another. */
	third = user_logs_in(&ring, PORT_TLS);
	assert_true(ring.maildrops[1].stream >= 0);
	user_says(bert, "one\r\n", 5);
	user_says(third, "two\r\n", 5);
	user_expects(bert, "one\r\n");
	user_expects(third, "two\r\n");
	/* The client goes without QUIT: the maildrop sees the end, and nobody uses that pair again. */
	user_leaves(bert);
	while (ring.maildrops[0].stream >= 0)
		assert_true(ring_serve(&ring, 10000));
	user_leaves(third);
	ring_stop(&ring);
}

/* A maildrop that speaks of another session than the pair's is not passed on, whoever is at fault. */
static void
test_a_pair_that_is_confused(void **state)
{
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	user = user_logs_in(&ring, PORT_TLS);
	ring.maildrops[0].handover.session++;
	assert_true(maildrop_says(&ring.maildrops[0], PAIR_OCTETS, "secret\r\n", 8));
	user_expects_end(user);
	user_leaves(user);
	ring_stop(&ring);
}

/* A maildrop process that ends takes its idle pairs with it; what is said on a free pair is not heard. */
static void
test_an_idle_pair_that_ends(void **state)
{
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	ring.parting = true;
	for (int closed = 0; closed <= 1; closed++) {
		user = user_logs_in(&ring, PORT_TLS);
		user_says(user, "QUIT\r\n", 6);
		user_expects(user, "QUIT\r\n");
		user_expects_end(user);
		user_leaves(user);
		if (!closed)
			assert_true(maildrop_says(&ring.maildrops[0], PAIR_OCTETS, "secret\r\n", 8));
		maildrop_closes(&ring.maildrops[0]);
	}
	user = user_logs_in(&ring, PORT_TLS);
	user_says(user, "NOOP\r\n", 6);
	user_expects(user, "NOOP\r\n");
	user_leaves(user);
	ring_stop(&ring);
}

/* A client that takes nothing is given up after a while: its maildrop sees the end. */
static void
test_slow_client(void **state)
{
	static char data[PAIR_OCTETS_MAX];
	struct fake_user *user;
	struct fake_ring ring;
	const struct fake_maildrop *maildrop = &ring.maildrops[0];
	struct config config;
	ssize_t n;

	(void)state;
	ring_config(&config);
	config.write_timeout_seconds = 1;
	ring_start(&ring, &config, &fake_certificates);
	ring.narrow = true;
	user = user_logs_in(&ring, PORT_TLS);
	ring.idle_maildrops = true;
	do {
		while (pair_send(maildrop->stream, PAIR_OCTETS, maildrop->handover.session, data, sizeof(data)) == 0)
			;
		ring_serve(&ring, 10);
		n = maildrop_hears(maildrop, data, sizeof(data));
	} while (n < 0 && errno == EAGAIN);
	user_leaves(user);
	ring_stop(&ring);
}

/* Without its parent it ends by itself, whoever is connected. */
static void
test_parent_dies(void **state)
{
	struct fake_user *pumped, *young;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	young = user_connect(&ring, PORT_PLAIN);
	user_expects(young, READY);
	pumped = user_logs_in(&ring, PORT_TLS);
	channel_close(&ring.parent);
	user_expects_end(young);
	user_expects_end(pumped);
	user_leaves(young);
	user_leaves(pumped);
	ring_wait(&ring);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_auth_dies),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_much_at_once),
		cmocka_unit_test(test_pump),
		cmocka_unit_test(test_a_pair_is_used_again),
		cmocka_unit_test(test_a_pair_that_is_confused),
		cmocka_unit_test(test_an_idle_pair_that_ends),
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_parents_wishes),
		cmocka_unit_test(test_grace_is_limited),
		cmocka_unit_test(test_parent_dies),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return EXIT_FAILURE;
	fake_login_program = argv[1];
	return cmocka_run_group_tests(tests, fake_certificates_make, NULL);
}
