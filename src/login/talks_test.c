/*
 * The real restante-login between a fake parent, a fake auth, fake maildrops and clients: a table
 * of talks, what a client says, all at once, and what it hears. See life_test.c for the rest.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "login/fake_ring.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CLOSED  1	/* the server ends the connection by itself */
#define LONG_50 "12345678901234567890123456789012345678901234567890"
#define LONG_250 LONG_50 LONG_50 LONG_50 LONG_50 LONG_50
#define DENIED "-ERR [AUTH] wrong user name or password\r\n"

struct talk {
	const char *name, *client, *server;
	size_t client_size;	/* 0: strlen */
	int flags;
};

static const struct talk talks[] = {
	/* the ordinary way in */
	{ "USER, PASS", "USER anna\r\nPASS secret\r\n", "+OK send PASS\r\n+OK open []\r\n", 0, CLOSED },
	{ "what follows PASS goes along to the maildrop",
	  "user anna\r\npass secret\r\nSTAT\r\nQUIT\r\n",
	  "+OK send PASS\r\n+OK open [STAT\r\nQUIT\r\n]\r\n", 0, CLOSED },
	{ "LF alone ends a line", "USER anna\nPASS secret\nSTAT\n",
	  "+OK send PASS\r\n+OK open [STAT\n]\r\n", 0, CLOSED },
	{ "any case, trailing spaces", "uSeR anna  \r\npAsS secret\r\n",
	  "+OK send PASS\r\n+OK open []\r\n", 0, CLOSED },
	{ "QUIT", "QUIT\r\n", "+OK goodbye\r\n", 0, CLOSED },
	{ "nothing behind QUIT is looked at", "quit  \r\nUSER anna\r\n", "+OK goodbye\r\n", 0, CLOSED },
	{ "a second USER replaces the first", "USER eve\r\nUSER anna\r\nPASS secret\r\n",
	  "+OK send PASS\r\n+OK send PASS\r\n+OK open []\r\n", 0, CLOSED },

	/* refusals */
	{ "a wrong password", "USER anna\r\nPASS wrong\r\n", "+OK send PASS\r\n" DENIED, 0, 0 },
	{ "an unknown user: the same words", "USER nobody\r\nPASS wrong\r\n", "+OK send PASS\r\n" DENIED, 0, 0 },
	{ "after a refused PASS it starts again at USER",
	  "USER anna\r\nPASS wrong\r\nPASS secret\r\nUSER anna\r\nPASS secret\r\n",
	  "+OK send PASS\r\n" DENIED "-ERR USER comes first\r\n+OK send PASS\r\n+OK open []\r\n", 0,
	  CLOSED },
	{ "PASS keeps spaces: two in front are one of the password",
	  "USER anna\r\nPASS  secret\r\n", "+OK send PASS\r\n" DENIED, 0, 0 },
	{ "PASS keeps spaces behind", "USER anna\r\nPASS secret \r\n", "+OK send PASS\r\n" DENIED, 0, 0 },
	{ "PASS may be empty", "USER anna\r\nPASS\r\nUSER anna\r\nPASS \r\n",
	  "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED, 0, 0 },
	{ "a CR inside a line is part of it", "USER anna\r\nPASS sec\rret\r\n", "+OK send PASS\r\n" DENIED, 0, 0 },
	{ "temporary trouble", "USER temp\r\nPASS x\r\n",
	  "+OK send PASS\r\n-ERR [SYS/TEMP] login is not possible at the moment\r\n", 0, 0 },
	{ "permanent trouble", "USER perm\r\nPASS x\r\n",
	  "+OK send PASS\r\n-ERR [SYS/PERM] the server cannot open this maildrop\r\n", 0, 0 },
	{ "six refused logins end it",
	  "USER a\r\nPASS x\r\nUSER a\r\nPASS x\r\nUSER a\r\nPASS x\r\n"
	  "USER a\r\nPASS x\r\nUSER a\r\nPASS x\r\nUSER a\r\nPASS x\r\nUSER anna\r\n",
	  "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED
	  "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED, 0, CLOSED },

	/* bad commands */
	{ "PASS without USER", "PASS secret\r\n", "-ERR USER comes first\r\n", 0, 0 },
	{ "USER without a name", "USER\r\nUSER  \r\n",
	  "-ERR an argument is missing\r\n-ERR an argument is missing\r\n", 0, 0 },
	{ "no command", "\r\n", "-ERR unknown command\r\n", 0, 0 },
	{ "unknown", "XYZZY\r\n", "-ERR unknown command\r\n", 0, 0 },
	{ "too early", "STAT\r\nRETR 1\r\nNOOP\r\n",
	  "-ERR log in first\r\n-ERR log in first\r\n-ERR log in first\r\n", 0, 0 },
	{ "too many", "a\r\nb\r\nc\r\nd\r\nQUIT\r\n",
	  "-ERR unknown command\r\n-ERR unknown command\r\n-ERR unknown command\r\n"
	  "-ERR too many bad commands\r\n", 0, CLOSED },
	{ "QUIT takes no argument", "QUIT now\r\n", "-ERR this command takes no argument\r\n", 0, 0 },
	{ "255 octets are a line", "USER " LONG_250 "12345\r\n",
	  "-ERR line too long\r\n", 0, 0 },
	{ "no more than 255 octets", "USER 123" LONG_250 "\r\nUSER anna\r\n",
	  "-ERR line too long\r\n+OK send PASS\r\n", 0, 0 },
	{ "exactly 255 octets", "USER " "12345678" LONG_50 LONG_50 LONG_50 LONG_50 "1234567890123456789012345678901234567890\r\n",
	  "+OK send PASS\r\n", 0, 0 },
	{ "NUL in a line", "USER an\0na\r\nUSER anna\r\n", "-ERR NUL in a line\r\n+OK send PASS\r\n", 23, 0 },
	{ "8-bit names pass", "USER \xc3\xa4nna\r\nPASS x\r\n", "+OK send PASS\r\n" DENIED, 0, 0 },
	{ "HTTP", "GET / HTTP/1.1\r\nHost: pop.example\r\n\r\n", "-ERR this is a POP3 server\r\n", 0, CLOSED },
	{ "HTTP through a proxy", "CONNECT pop.example:110 HTTP/1.1\r\n", "-ERR this is a POP3 server\r\n",
	  0, CLOSED },
	{ "TLS on a plain port", "\x16\x03\x01\x02\x01\x01", "", 0, CLOSED },
	{ "APOP is not offered", "APOP anna c4c9334bac560ecc979e58001b3e22fb\r\n",
	  "-ERR APOP is not offered here\r\n", 0, 0 },
	{ "STLS is not offered", "STLS\r\n", "-ERR TLS is not offered here\r\n", 0, 0 },

	/* CAPA and AUTH */
	{ "CAPA", "CAPA\r\n", CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" CAPA_TAIL, 0, 0 },
	{ "AUTH lists mechanisms", "AUTH\r\nAUTH \r\n",
	  "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n"
	  "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n", 0, 0 },
	{ "AUTH PLAIN at once", "AUTH PLAIN AGFubmEAc2VjcmV0\r\nSTAT\r\n", "+OK open [STAT\r\n]\r\n", 0,
	  CLOSED },
	{ "AUTH PLAIN after a challenge", "auth plain\r\nAGFubmEAc2VjcmV0\r\n", "+ \r\n+OK open []\r\n", 0,
	  CLOSED },
	{ "AUTH PLAIN with a wrong password", "AUTH PLAIN AGFubmEAc2VjcmV1\r\n", DENIED, 0, 0 },
	{ "the empty initial response", "AUTH PLAIN =\r\n", DENIED, 0, 0 },
	{ "AUTH LOGIN", "AUTH LOGIN\r\nYW5uYQ==\r\nc2VjcmV0\r\n",
	  "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK open []\r\n", 0, CLOSED },
	{ "AUTH LOGIN with an initial response", "AUTH LOGIN YW5uYQ==\r\nc2VjcmV0\r\nLIST\r\n",
	  "+ UGFzc3dvcmQ6\r\n+OK open [LIST\r\n]\r\n", 0, CLOSED },
	{ "a failed AUTH leaves USER as it was",
	  "USER anna\r\nAUTH PLAIN AGFubmEAc2VjcmV1\r\nPASS secret\r\n",
	  "+OK send PASS\r\n" DENIED "+OK open []\r\n", 0, CLOSED },
	{ "cancelled", "AUTH PLAIN\r\n*\r\n", "+ \r\n-ERR AUTH cancelled\r\n", 0, 0 },
	{ "foreign octets in base64", "AUTH PLAIN\r\nAGFu bmE=\r\nAUTH PLAIN AG-u\r\n",
	  "+ \r\n-ERR invalid base64\r\n-ERR invalid base64\r\n", 0, 0 },
	{ "padding in the middle", "AUTH PLAIN\r\nAG==bmEA\r\n", "+ \r\n-ERR invalid base64\r\n", 0, 0 },
	{ "an unknown mechanism", "AUTH NTLM\r\nAUTH PLAI\r\n",
	  "-ERR this mechanism is not offered\r\n-ERR this mechanism is not offered\r\n", 0, 0 },
	{ "broken mechanism message", "AUTH PLAIN AGJyb2tlbgB4\r\n",
	  "-ERR invalid message for this mechanism\r\n", 0, 0 },
	{ "NUL within the dialogue", "AUTH PLAIN\r\nAG\0Fu\r\nUSER anna\r\n",
	  "+ \r\n-ERR NUL in a line\r\n+OK send PASS\r\n", 12 + 7 + 11, 0 },
};

static void
talk_on(struct fake_ring *ring, enum fake_port port, const char *greeting, const struct talk *talk)
{
	size_t size = talk->client_size != 0 ? talk->client_size : strlen(talk->client);
	struct fake_user *user = user_connect(ring, port);

	print_message("           %s\n", talk->name);
	if (talk->client[0] != '\x16')
		user_expects(user, greeting);
	else
		user_hears(user, (char[32]){ 0 }, strlen(greeting));
	user_says(user, talk->client, size);
	user_expects(user, talk->server);
	if ((talk->flags & CLOSED) == 0) {
		user_says(user, "QUIT\r\n", 6);
		user_expects(user, "+OK goodbye\r\n");
	}
	user_expects_end(user);
	user_leaves(user);
}

static void
test_talks(void **state)
{
	struct fake_ring ring;
	struct config config;
	struct fake_user *user;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	for (size_t i = 0; i < COUNT(talks); i++)
		talk_on(&ring, PORT_PLAIN, READY, &talks[i]);
	assert_true(ring_logged(&ring, " login session="));
	assert_true(ring_logged(&ring, "user=anna method=PASS peer=127.0.0.1:"));
	assert_true(ring_logged(&ring, " tls=none\n"));
	assert_true(ring_logged(&ring, "reason=\"a TLS client on a port without TLS\""));
	assert_true(ring_logged(&ring, "reason=\"an HTTP request\""));
	assert_false(ring_has_logged(&ring, "secret"));

	/* Who was greeted without a timestamp has none, whatever a reload says. */
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	config.apop = 1;
	ring_send_settings(&ring, &config);
	ring_sync(&ring);
	user_says(user, "APOP anna 0123\r\n", 16);
	user_expects(user, "-ERR APOP is not offered here\r\n");
	user_leaves(user);
	ring_stop(&ring);
}

/* Every talk again with each octet a packet of its own, and with delays before bad answers. */
static void
test_talks_in_pieces(void **state)
{
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	config.bad_command_delay_milliseconds = 1;
	ring_start(&ring, &config, NULL);
	for (size_t i = 0; i < COUNT(talks); i++) {
		size_t size = talks[i].client_size != 0 ? talks[i].client_size : strlen(talks[i].client);
		struct fake_user *user = user_connect(&ring, PORT_PLAIN);

		/* What goes along with a handover is a matter of time here. */
		if (strstr(talks[i].server, "[STAT") != NULL || strstr(talks[i].server, "[LIST") != NULL) {
			user_leaves(user);
			continue;
		}
		user_expects(user, READY);
		for (size_t j = 0; j < size; j++) {
			user_says(user, talks[i].client + j, 1);
			ring_serve(&ring, 0);
		}
		user_expects(user, talks[i].server);
		user_leaves(user);
	}
	ring_stop(&ring);
}

static const struct talk talks_without_tls[] = {
	{ "CAPA shows no way to send a password", "CAPA\r\n", CAPA_HEAD "STLS\r\n" CAPA_TAIL, 0, 0 },
	{ "AUTH lists nothing", "AUTH\r\n", "+OK mechanisms follow\r\n.\r\n", 0, 0 },
	{ "USER", "USER anna\r\nPASS secret\r\n",
	  "-ERR [AUTH] TLS required before a password may be sent\r\n"
	  "-ERR [AUTH] TLS required before a password may be sent\r\n", 0, 0 },
	{ "AUTH", "AUTH PLAIN AGFubmEAc2VjcmV0\r\nAUTH login\r\n",
	  "-ERR [AUTH] TLS required before this mechanism\r\n"
	  "-ERR [AUTH] TLS required before this mechanism\r\n", 0, 0 },
	{ "STLS takes no argument", "STLS now\r\n", "-ERR this command takes no argument\r\n", 0, 0 },
};

static void
test_plaintext_policy(void **state)
{
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	config.plaintext_logins = CONFIG_PLAINTEXT_NEVER;
	ring_start(&ring, &config, &fake_certificates);
	for (size_t i = 0; i < COUNT(talks_without_tls); i++)
		talk_on(&ring, PORT_STLS, READY, &talks_without_tls[i]);
	assert_int_equal(ring.checks, 0);

	/* Through TLS it is all there. */
	talk_on(&ring, PORT_TLS, READY, &(struct talk){ "TLS",
		"CAPA\r\nSTLS\r\nUSER anna\r\nPASS secret\r\nNOOP\r\nQUIT\r\n",
		CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" CAPA_TAIL "-ERR TLS is in use already\r\n"
		"+OK send PASS\r\n+OK open [NOOP\r\nQUIT\r\n]\r\n", 0, CLOSED });

	/* The tests' clients are on loopback: a reload lets them in. */
	config.plaintext_logins = CONFIG_PLAINTEXT_LOOPBACK;
	ring_send_settings(&ring, &config);
	ring_send_listeners(&ring, 2);
	ring_sync(&ring);
	talk_on(&ring, PORT_STLS, READY, &talks[0]);

	/* Another one takes the certificates away. */
	config.certificate_count = 0;
	ring_send_settings(&ring, &config);
	ring_send_listeners(&ring, 3);
	ring_sync(&ring);
	talk_on(&ring, PORT_STLS, READY, &(struct talk){ "no certificates", "STLS\r\nCAPA\r\n",
		"-ERR TLS is not offered here\r\n" CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n"
		CAPA_TAIL, 0, 0 });
	assert_null(user_connect(&ring, PORT_TLS));
	ring_stop(&ring);
}

static void
hear_line(struct fake_user *user, char *line, size_t size)
{
	for (size_t used = 0; used + 1 < size && user_hears(user, line + used, 1) == 1; used++)
		if (line[used] == '\n')
			return;
}

static void
test_apop(void **state)
{
	struct fake_ring ring;
	struct config config;
	struct fake_user *user;
	char greetings[2][256], *timestamp;

	(void)state;
	ring_config(&config);
	config.apop = 1;
	ring_start(&ring, &config, &fake_certificates);
	for (int i = 0; i < 2; i++) {
		user = user_connect(&ring, PORT_STLS);
		hear_line(user, greetings[i], sizeof(greetings[i]));
		if (i == 0)
			user_leaves(user);
	}
	assert_string_not_equal(greetings[0], greetings[1]);
	timestamp = strchr(greetings[1], '<');
	assert_non_null(timestamp);
	timestamp[strcspn(timestamp, "\r")] = '\0';
	assert_string_equal(strchr(timestamp, '@'), "@pop.example>");

	user_says(user, "APOP anna 0123\r\n", 16);
	user_expects(user, DENIED);
	assert_int_equal(ring.check.method, IPC_CHECK_APOP);
	assert_string_equal(ring.check.user, "anna");
	assert_string_equal(ring.check.password, "0123");
	assert_string_equal(ring.check.timestamp, timestamp);
	assert_false(ring.check.client.tls);
	assert_true(ring.check.client.loopback);

	/* A changed host name does not touch who was greeted already, nor does STLS. */
	snprintf(config.hostname, sizeof(config.hostname), "other.example");
	ring_send_settings(&ring, &config);
	user_says(user, "STLS\r\n", 6);
	user_expects(user, "+OK begin TLS\r\n");
	assert_true(user_starts_tls(user));
	user_says(user, "APOP anna\r\nAPOP  anna  secret \r\n", 32);
	user_expects(user, "-ERR a name and a digest are wanted\r\n+OK open []\r\n");
	assert_string_equal(ring.check.timestamp, timestamp);
	assert_true(ring.check.client.tls);
	user_leaves(user);
	ring_stop(&ring);
}

/* RFC 2595, section 4: nothing that came in clear counts after STLS. */
static void
test_stls(void **state)
{
	struct fake_ring ring;
	struct config config;
	struct fake_user *user;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	user = user_connect(&ring, PORT_STLS);
	user_expects(user, READY);
	user_says(user, "USER anna\r\nSTLS\r\nPASS secret\r\nCAPA\r\n", 37);
	user_expects(user, "+OK send PASS\r\n+OK begin TLS\r\n");
	assert_true(user_starts_tls(user));
	user_says(user, "PASS secret\r\nCAPA\r\n", 19);
	user_expects(user, "-ERR USER comes first\r\n"
	    CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" CAPA_TAIL);
	assert_int_equal(ring.checks, 0);
	user_says(user, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(user, "+OK send PASS\r\n+OK open []\r\n");
	assert_true(ring.maildrops[0].handover.pumped);
	assert_false(ring.maildrops[0].handover.stls);
	assert_true(ring.maildrops[0].handover.user);
	assert_string_equal(ring.maildrops[0].handover.sasl, "PLAIN LOGIN");
	assert_true(ring_logged(&ring, "tls=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256"));
	user_says(user, "QUIT\r\n", 6);
	user_expects(user, "QUIT\r\n");
	user_expects_end(user);
	user_leaves(user);

	ring_stop(&ring);
}

/* TLS where none is expected, and none where it is. */
static void
test_handshakes(void **state)
{
	struct fake_ring ring;
	struct config config;
	struct fake_user *user;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &fake_certificates);
	/* In TLS 1.2 the server has the last word of the handshake. */
	ring.tls_version_max = 12;
	user = user_connect(&ring, PORT_STLS);
	user_expects(user, READY);
	user_says(user, "STLS\r\n", 6);
	user_expects(user, "+OK begin TLS\r\n");
	assert_true(user_starts_tls(user));
	user_says(user, "QUIT\r\n", 6);
	user_expects(user, "+OK goodbye\r\n");
	user_leaves(user);
	ring.tls_version_max = 0;

	/* Half a command before STLS is not continued behind it. */
	user = user_connect(&ring, PORT_STLS);
	user_expects(user, READY);
	user_says(user, "STLS\r\nUSER an", 13);
	user_expects(user, "+OK begin TLS\r\n");
	assert_true(user_starts_tls(user));
	user_says(user, "na\r\n", 4);
	user_expects(user, "-ERR unknown command\r\n");
	user_leaves(user);

	/* No TLS after STLS, and no TLS on the TLS port. */
	user = user_connect(&ring, PORT_STLS);
	user_expects(user, READY "");
	user_says(user, "STLS\r\n", 6);
	user_expects(user, "+OK begin TLS\r\n");
	user_says(user, "CAPA\r\n", 6);
	shutdown(user_socket(user), SHUT_WR);
	user_hears(user, (char[64]){ 0 }, 63);
	user_leaves(user);
	user = user_connect_raw(&ring, PORT_TLS);
	user_says(user, "USER anna\r\nPASS secret\r\n", 24);
	user_hears(user, (char[64]){ 0 }, 63);
	user_leaves(user);
	assert_true(ring_logged(&ring, "tls-failed session="));
	ring_stop(&ring);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_talks_in_pieces),
		cmocka_unit_test(test_plaintext_policy),
		cmocka_unit_test(test_apop),
		cmocka_unit_test(test_stls),
		cmocka_unit_test(test_handshakes),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return EXIT_FAILURE;
	fake_login_program = argv[1];
	return cmocka_run_group_tests(tests, fake_certificates_make, NULL);
}
