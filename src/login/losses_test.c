/*
 * The real restante-login when something gets lost: its channel to auth, an answer of auth, a
 * descriptor, the end of what a client was sent.
 */

#include <linux/sockios.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "login/fake_ring.h"

/* Both live, but their channel is lost: the parent is asked for another until it comes. */
static void
test_auth_is_lost(void **state)
{
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	ring_auth_dies(&ring);
	while (ring.channels_lost < 2)
		assert_true(ring_serve(&ring, PATIENCE_MILLISECONDS));
	ring_new_auth(&ring);
	user = user_logs_in(&ring, PORT_PLAIN);
	user_leaves(user);
	ring_stop(&ring);
}

/* Auth gives up while the client thinks about a challenge. */
static void
test_auth_is_tired_of_waiting(void **state)
{
	struct fake_user *user, *other;
	struct ipc_refused refused;
	struct fake_ring ring;
	struct config config;
	struct error error;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	user_says(user, "AUTH PLAIN\r\n", 12);
	user_expects(user, "+ \r\n");
	memset(&refused, 0, sizeof(refused));
	refused.session = ring.sasl_start.session;
	refused.kind = ERROR_TEMPORARY;
	assert_int_equal(channel_send(&ring.auth, IPC_REFUSED, &refused, -1, &error), 0);
	/* Behind it on the same channel, so that it has been heard. */
	other = user_logs_in(&ring, PORT_PLAIN);
	user_says(user, "AGFubmEAc2VjcmV0\r\n", 18);
	user_expects(user, "-ERR [SYS/TEMP] login is not possible at the moment\r\n");
	user_says(user, "AUTH PLAIN AGFubmEAc2VjcmV0\r\n", 29);
	user_expects(user, "+OK open []\r\n");
	user_leaves(user);
	user_leaves(other);
	ring_stop(&ring);
}

/* A descriptor that cannot be had costs this one login, and no more; in clear text none is needed. */
static void
test_no_room_for_a_descriptor(void **state)
{
	struct rlimit before, full;
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	user = user_connect(&ring, PORT_TLS);
	user_expects(user, READY);
	assert_int_equal(prlimit(ring.pid, RLIMIT_NOFILE, NULL, &before), 0);
	full = (struct rlimit){ 3, before.rlim_max };
	assert_int_equal(prlimit(ring.pid, RLIMIT_NOFILE, &full, NULL), 0);
	user_says(user, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(user, "+OK send PASS\r\n"
	    "-ERR [SYS/TEMP] the maildrop cannot be opened at the moment\r\n");
	assert_int_equal(prlimit(ring.pid, RLIMIT_NOFILE, &before, NULL), 0);
	user_says(user, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(user, "+OK send PASS\r\n+OK open []\r\n");
	user_leaves(user);
	ring_stop(&ring);
}

/* A maildrop process that has gone costs a login, and nobody more. */
static void
test_the_maildrop_process_has_gone(void **state)
{
	static const struct {
		enum fake_port port;
		const char *says;
	} cases[] = {
		{ PORT_PLAIN, "USER anna\r\nPASS secret\r\n" },
		{ PORT_PLAIN, "USER anna\r\nPASS secret\r\nSTAT\r\n" },
		{ PORT_TLS, "USER anna\r\nPASS secret\r\n" },
	};
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		user = user_connect(&ring, cases[i].port);
		user_expects(user, READY);
		ring_door_closes(&ring);
		user_says(user, cases[i].says, strlen(cases[i].says));
		user_expects(user, "+OK send PASS\r\n"
		    "-ERR [SYS/TEMP] the maildrop cannot be opened at the moment\r\n");
		/* The parent is told, who may know better. */
		while (ring.doors_lost <= (int)i)
			assert_true(ring_serve(&ring, PATIENCE_MILLISECONDS));
		if (strstr(cases[i].says, "STAT") != NULL)
			user_expects(user, "-ERR log in first\r\n");
		ring_new_door(&ring, 8 + (uint32_t)i);
		user_says(user, "USER anna\r\nPASS secret\r\n", 24);
		user_expects(user, "+OK send PASS\r\n+OK open []\r\n");
		user_leaves(user);
	}
	ring_stop(&ring);
}

/* What the parent said before auth spoke is heard before it is acted upon. */
static void
test_a_new_maildrop_process_is_known_in_time(void **state)
{
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	user_says(user, "USER silent\r\nPASS x\r\nNOOP\r\n", 27);
	user_expects(user, "+OK send PASS\r\n");
	while (ring.asking == 0)
		assert_true(ring_serve(&ring, PATIENCE_MILLISECONDS));
	ring_hold(&ring);
	ring.door_number = 99;
	fake_auth_grant(&ring, ring.asking, "silent", "PASS");
	ring_new_door(&ring, 99);
	ring_go_on(&ring);
	user_expects(user, "+OK open [NOOP\r\n]\r\n");
	user_leaves(user);
	ring_stop(&ring);
}

/* Until login has nothing to do with the maildrop any more; the client reads as little as can be. */
static void
await_parting(struct fake_ring *ring, struct fake_user *user, char *heard, size_t size, size_t *used)
{
	int untaken;

	while (ioctl(ring->maildrops[0].stream, SIOCOUTQ, &untaken) == 0 && untaken > 0)
		*used += user_hears(user, heard + *used, size - *used < 1000 ? size - *used : 1000);
	ring->maildrops[0].parked = true;
}

/* Whatever a client says behind its QUIT, what was sent to it before arrives. */
static void
test_the_end_of_a_reply(void **state)
{
	enum { SIZE = 1 << 20 };
	char *data = malloc(SIZE), *heard = malloc(SIZE + 1), octet;
	struct pollfd polled = { .events = POLLIN };
	socklen_t code_size = sizeof(int);
	int code;
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;
	size_t sent = 0, used = 0;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 31 + (i >> 13));
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	ring.narrow = true;
	user = user_logs_in(&ring, PORT_TLS);
	ring.idle_maildrops = true;
	while (sent < SIZE) {
		size_t part = SIZE - sent < PAIR_OCTETS_MAX ? SIZE - sent : PAIR_OCTETS_MAX;

		if (maildrop_says(&ring.maildrops[0], PAIR_OCTETS, data + sent, part))
			sent += part;
		else
			used += user_hears(user, heard + used, 1000);
	}
	while (!maildrop_says(&ring.maildrops[0], PAIR_LAST, NULL, 0))
		used += user_hears(user, heard + used, 1000);
	await_parting(&ring, user, heard, SIZE, &used);
	user_says(user, "NOOP\r\n", 6);
	used += user_hears(user, heard + used, SIZE - used);
	assert_int_equal(used, SIZE);
	assert_memory_equal(heard, data, SIZE);
	user_expects_end(user);
	user_leaves(user);

	/* A short one too, if commands lay behind it that nobody read. */
	ring.narrow = ring.idle_maildrops = false;
	user = user_logs_in(&ring, PORT_TLS);
	ring.idle_maildrops = true;
	user_says(user, "STAT\r\n", 6);
	maildrop_await(&ring, &ring.maildrops[0]);
	assert_true(maildrop_says(&ring.maildrops[0], PAIR_OCTETS, "-ERR in use\r\n", 13));
	maildrop_closes(&ring.maildrops[0]);
	user_expects(user, "-ERR in use\r\n");
	user_expects_end(user);
	polled.fd = user_socket(user);
	assert_int_equal(poll(&polled, 1, PATIENCE_MILLISECONDS), 1);
	assert_int_equal(recv(polled.fd, &octet, 1, 0), 0);
	/* Whoever says more is not answered, but not with a reset either. */
	user_says(user, "STAT\r\n", 6);
	assert_int_equal(getsockopt(polled.fd, SOL_SOCKET, SO_ERROR, &code, &code_size), 0);
	assert_int_equal(code, 0);
	user_leaves(user);
	ring_stop(&ring);
	free(data);
	free(heard);
}

/* Has login taken all that the maildrop has said? */
static bool
is_taken(struct fake_ring *ring)
{
	int untaken = 0;

	for (int i = 0; i < 5; i++)
		ring_sync(ring);
	assert_int_equal(ioctl(ring->maildrops[0].stream, SIOCOUTQ, &untaken), 0);
	return untaken == 0;
}

/* A maildrop says so many pieces and then its last words, to a client that reads only behind that. */
static bool
last_words_arrive(struct fake_ring *ring, const char *data, size_t pieces, char *heard)
{
	const size_t size = (pieces + 1) * PAIR_OCTETS_MAX;
	struct fake_user *user = user_logs_in(ring, PORT_TLS);
	bool taken = true;

	ring->idle_maildrops = true;
	for (size_t i = 0; i <= pieces; i++) {
		while (!maildrop_says(&ring->maildrops[0], i < pieces ? PAIR_OCTETS : PAIR_LAST,
		    data + i * PAIR_OCTETS_MAX, PAIR_OCTETS_MAX) && taken)
			taken = is_taken(ring);
		taken = taken && is_taken(ring);
		if (!taken)
			break;
	}
	if (taken) {
		assert_int_equal(user_hears(user, heard, size), size);
		assert_memory_equal(heard, data, size);
		user_expects_end(user);
	}
	maildrop_closes(&ring->maildrops[0]);
	user_leaves(user);
	ring->idle_maildrops = false;
	return taken;
}

/*
 * Also when the last words alone find no room at once. UPDATE has happened behind them: a message that was
 * removed is to be had nowhere else.
 */
static void
test_the_last_words_wait(void **state)
{
	enum { PIECES_MAX = 100 };
	const int room = 100000;
	char *data = malloc((PIECES_MAX + 1) * PAIR_OCTETS_MAX);
	char *heard = malloc((PIECES_MAX + 1) * PAIR_OCTETS_MAX + 1);
	struct fake_ring ring;
	struct config config;
	size_t pieces = 0;

	(void)state;
	for (size_t i = 0; i < (PIECES_MAX + 1) * PAIR_OCTETS_MAX; i++)
		data[i] = (char)(i * 31 + (i >> 13));
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	ring.narrow = true;
	/* Inherited by what is accepted there, and fixed: each number of pieces meets the same room. */
	assert_int_equal(setsockopt(ring.listeners[PORT_TLS], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	while (last_words_arrive(&ring, data, pieces, heard))
		assert_true(++pieces < PIECES_MAX);
	assert_true(pieces > 0);
	ring_stop(&ring);
	free(data);
	free(heard);
}

/* Nobody holds on to a client that holds on to us. */
static void
test_lingering_ends(void **state)
{
	static char data[PAIR_OCTETS_MAX];
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;
	struct ipc_stop stop = { .grace_seconds = 60 };
	struct error error;

	(void)state;
	ring_config(&config);
	config.write_timeout_seconds = 1;
	ring_start(&ring, &config, &fake_certificates);
	ring.narrow = true;
	user = user_logs_in(&ring, PORT_TLS);
	ring.idle_maildrops = true;
	assert_true(maildrop_says(&ring.maildrops[0], PAIR_OCTETS, data, sizeof(data)));
	assert_true(maildrop_says(&ring.maildrops[0], PAIR_OCTETS, data, sizeof(data)));
	maildrop_closes(&ring.maildrops[0]);
	assert_int_equal(channel_send(&ring.parent, IPC_STOP, &stop, -1, &error), 0);
	ring_wait(&ring);
	user_leaves(user);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_auth_is_lost),
		cmocka_unit_test(test_auth_is_tired_of_waiting),
		cmocka_unit_test(test_no_room_for_a_descriptor),
		cmocka_unit_test(test_the_maildrop_process_has_gone),
		cmocka_unit_test(test_a_new_maildrop_process_is_known_in_time),
		cmocka_unit_test(test_the_end_of_a_reply),
		cmocka_unit_test(test_the_last_words_wait),
		cmocka_unit_test(test_lingering_ends),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return EXIT_FAILURE;
	fake_login_program = argv[1];
	return cmocka_run_group_tests(tests, fake_certificates_make, NULL);
}
