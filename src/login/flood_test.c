/*
 * The real restante-login against those who come in crowds, say nothing, say far too much, or do
 * not listen.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "login/fake_ring.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
test_limits(void **state)
{
	struct fake_user *users[3], *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	config.connections_per_address_max = 3;
	ring_start(&ring, &config, &fake_certificates);
	for (size_t i = 0; i < COUNT(users); i++) {
		users[i] = user_connect(&ring, PORT_PLAIN);
		user_expects(users[i], READY);
	}
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, "-ERR [SYS/TEMP] too many connections\r\n");
	user_expects_end(user);
	user_leaves(user);
	assert_null(user_connect(&ring, PORT_TLS));
	/* Who has logged in does not count any more. */
	user_says(users[0], "USER anna\r\nPASS secret\r\n", 24);
	user_expects(users[0], "+OK send PASS\r\n+OK open []\r\n");
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	user_leaves(user);
	for (size_t i = 0; i < COUNT(users); i++)
		user_leaves(users[i]);
	ring_stop(&ring);

	config.connections_per_address_max = 100;
	config.connections_max = 1;
	ring_start(&ring, &config, NULL);
	users[0] = user_connect(&ring, PORT_PLAIN);
	user_expects(users[0], READY);
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, "-ERR [SYS/TEMP] too many connections\r\n");
	user_leaves(user);
	user_leaves(users[0]);
	ring_stop(&ring);
}

/* Those who only knock cannot take the descriptors that those who log in need. */
static void
test_descriptors_are_left(void **state)
{
	struct fake_user *users[128], *early, *user;
	struct rlimit before, few;
	struct fake_ring ring;
	struct config config;
	char answer[sizeof(READY)];
	size_t count = 0;

	(void)state;
	ring_config(&config);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ COUNT(users), before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	ring_start(&ring, &config, &fake_certificates);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	early = user_connect(&ring, PORT_TLS);
	user_expects(early, READY);
	do {
		assert_true(count < COUNT(users));
		users[count] = user_connect(&ring, PORT_PLAIN);
		user_hears(users[count], answer, sizeof(READY) - 1);
	} while (strcmp(answer, READY) == 0 && ++count > 0);
	assert_memory_equal(answer, "-ERR [SY", 8);
	user_says(early, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(early, "+OK send PASS\r\n+OK open []\r\n");
	for (size_t i = 0; i <= count; i++)
		user_leaves(users[i]);
	user = user_connect(&ring, PORT_TLS);
	user_expects(user, READY);
	user_leaves(user);
	user_leaves(early);
	ring_stop(&ring);
}

/* The autologout says nothing (RFC 1939, section 3), also during a handshake. */
static void
test_login_timeout(void **state)
{
	struct fake_user *users[3];
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	config.login_timeout_seconds = 1;
	ring_start(&ring, &config, &fake_certificates);
	users[0] = user_connect(&ring, PORT_PLAIN);
	users[1] = user_connect(&ring, PORT_STLS);
	users[2] = user_connect_raw(&ring, PORT_TLS);
	user_expects(users[0], READY);
	user_expects(users[1], READY);
	user_says(users[1], "USER silent\r\nPASS x\r\n", 21);
	user_expects(users[1], "+OK send PASS\r\n");
	for (size_t i = 0; i < COUNT(users); i++) {
		user_expects_end(users[i]);
		user_leaves(users[i]);
	}
	while (ring.forgets == 0)
		assert_true(ring_serve(&ring, 10000));
	assert_true(ring_logged(&ring, "reason=\"login timeout\""));
	ring_stop(&ring);
}

static size_t
resident_kilobytes(pid_t pid)
{
	char path[64], line[256];
	size_t kilobytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmRSS: %zu", &kilobytes) == 1)
			break;
	fclose(file);
	return kilobytes;
}

enum { FLOOD_COMMANDS = 100000, FLOOD_USERS = 40 };

/* Says as much of it as the server takes, until it takes no more for a while. */
static size_t
say_until_stuck(struct fake_ring *ring, struct fake_user *user, const char *text, size_t size)
{
	size_t sent = 0;

	for (int idle = 0; idle < 5 && sent < size;) {
		ssize_t n = send(user_socket(user), text + sent, size - sent, MSG_DONTWAIT);

		if (n > 0) {
			sent += (size_t)n;
			idle = 0;
		} else {
			idle++;
			ring_serve(ring, 10);
		}
	}
	return sent;
}

/* Clients that ask a hundred thousand times and do not listen. */
static void
test_flood(void **state)
{
	static const char reply[] = CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" CAPA_TAIL;
	const size_t size = FLOOD_COMMANDS * 6;
	char *commands = malloc(size + 1), text[sizeof(reply)];
	struct fake_user *users[FLOOD_USERS], *other;
	size_t before, sent = 0;
	struct fake_ring ring;
	struct config config;

	(void)state;
	for (int i = 0; i < FLOOD_COMMANDS; i++)
		memcpy(commands + i * 6, "CAPA\r\n", 6);
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	ring.narrow = true;
	before = resident_kilobytes(ring.pid);
	for (int i = 0; i < FLOOD_USERS; i++) {
		users[i] = user_connect(&ring, PORT_PLAIN);
		user_expects(users[i], READY);
		sent = say_until_stuck(&ring, users[i], commands, size);
	}
	/* Others are not touched. */
	other = user_connect(&ring, PORT_PLAIN);
	user_expects(other, READY);
	user_leaves(other);
	assert_true(resident_kilobytes(ring.pid) < before + FLOOD_USERS * 32);
	/* And nothing is lost. */
	for (int heard = 0; heard < FLOOD_COMMANDS; heard++) {
		ssize_t n = sent < size ?
		    send(user_socket(users[FLOOD_USERS - 1]), commands + sent, size - sent, MSG_DONTWAIT) : 0;

		sent += n > 0 ? (size_t)n : 0;
		user_hears(users[FLOOD_USERS - 1], text, sizeof(reply) - 1);
		assert_string_equal(text, reply);
	}
	for (int i = 0; i < FLOOD_USERS; i++)
		user_leaves(users[i]);
	ring_stop(&ring);
	free(commands);
}

static void
test_endless_line(void **state)
{
	struct fake_user *user;
	struct fake_ring ring;
	struct config config;
	char block[8192];
	size_t before;

	(void)state;
	memset(block, 'a', sizeof(block));
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	before = resident_kilobytes(ring.pid);
	for (int i = 0; i < 512; i++)
		user_says(user, block, sizeof(block));
	user_expects(user, "-ERR line too long\r\n");
	assert_true(resident_kilobytes(ring.pid) < before + 1024);
	user_says(user, "\r\nAUTH PLAIN\r\n", 14);
	user_expects(user, "+ \r\n");
	/* In the dialogue of AUTH lines may be longer, but not endless. */
	user_says(user, block, 6000);
	user_says(user, "\r\n", 2);
	user_expects(user, "-ERR invalid base64\r\n");
	user_says(user, "AUTH PLAIN\r\n", 12);
	user_expects(user, "+ \r\n");
	for (int i = 0; i < 4; i++)
		user_says(user, block, sizeof(block));
	user_says(user, "\r\nUSER anna\r\n", 13);
	user_expects(user, "-ERR line too long\r\n+OK send PASS\r\n");
	user_leaves(user);
	ring_stop(&ring);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_descriptors_are_left),
		cmocka_unit_test(test_login_timeout),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_endless_line),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return EXIT_FAILURE;
	fake_login_program = argv[1];
	return cmocka_run_group_tests(tests, fake_certificates_make, NULL);
}
