/*
 * The real restante-login between a fake parent, a fake auth, fake maildrops and clients. Most of
 * it is a table of talks: what a client says, all at once, and what it hears.
 */

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
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "login/fake_ring.h"
#include "login/login.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fake_certificates certificates;

static int
make_certificates(void **state)
{
	(void)state;
	fake_certificate_make(&certificates.ec,
	    &(struct fake_certificate_wish){ .names = "DNS:pop.example" });
	fake_certificate_make(&certificates.rsa,
	    &(struct fake_certificate_wish){ .rsa = true, .names = "DNS:pop.example" });
	return 0;
}

#define READY   "+OK ready\r\n"
#define CLOSED  1	/* the server ends the connection by itself */
#define LONG_50 "12345678901234567890123456789012345678901234567890"
#define LONG_250 LONG_50 LONG_50 LONG_50 LONG_50 LONG_50
#define CAPA_HEAD "+OK capability list follows\r\nTOP\r\nUIDL\r\n"
#define CAPA_TAIL \
	"RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION test\r\n.\r\n"
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
	{ "a wrong password", "USER anna\r\nPASS wrong\r\n", "+OK send PASS\r\n" DENIED },
	{ "an unknown user: the same words", "USER nobody\r\nPASS wrong\r\n", "+OK send PASS\r\n" DENIED },
	{ "after a refused PASS it starts again at USER",
	  "USER anna\r\nPASS wrong\r\nPASS secret\r\nUSER anna\r\nPASS secret\r\n",
	  "+OK send PASS\r\n" DENIED "-ERR USER comes first\r\n+OK send PASS\r\n+OK open []\r\n", 0,
	  CLOSED },
	{ "PASS keeps spaces: two in front are one of the password",
	  "USER anna\r\nPASS  secret\r\n", "+OK send PASS\r\n" DENIED },
	{ "PASS keeps spaces behind", "USER anna\r\nPASS secret \r\n", "+OK send PASS\r\n" DENIED },
	{ "PASS may be empty", "USER anna\r\nPASS\r\nUSER anna\r\nPASS \r\n",
	  "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED },
	{ "a CR inside a line is part of it", "USER anna\r\nPASS sec\rret\r\n", "+OK send PASS\r\n" DENIED },
	{ "temporary trouble", "USER temp\r\nPASS x\r\n",
	  "+OK send PASS\r\n-ERR [SYS/TEMP] login is not possible at the moment\r\n" },
	{ "permanent trouble", "USER perm\r\nPASS x\r\n",
	  "+OK send PASS\r\n-ERR [SYS/PERM] the server cannot open this maildrop\r\n" },
	{ "six refused logins end it",
	  "USER a\r\nPASS x\r\nUSER a\r\nPASS x\r\nUSER a\r\nPASS x\r\n"
	  "USER a\r\nPASS x\r\nUSER a\r\nPASS x\r\nUSER a\r\nPASS x\r\nUSER anna\r\n",
	  "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED
	  "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED "+OK send PASS\r\n" DENIED, 0, CLOSED },

	/* bad commands */
	{ "PASS without USER", "PASS secret\r\n", "-ERR USER comes first\r\n" },
	{ "USER without a name", "USER\r\nUSER  \r\n",
	  "-ERR an argument is missing\r\n-ERR an argument is missing\r\n" },
	{ "no command", "\r\n", "-ERR unknown command\r\n" },
	{ "unknown", "XYZZY\r\n", "-ERR unknown command\r\n" },
	{ "too early", "STAT\r\nRETR 1\r\nNOOP\r\n",
	  "-ERR log in first\r\n-ERR log in first\r\n-ERR log in first\r\n" },
	{ "too many", "a\r\nb\r\nc\r\nd\r\nQUIT\r\n",
	  "-ERR unknown command\r\n-ERR unknown command\r\n-ERR unknown command\r\n"
	  "-ERR too many bad commands\r\n", 0, CLOSED },
	{ "QUIT takes no argument", "QUIT now\r\n", "-ERR this command takes no argument\r\n" },
	{ "255 octets are a line", "USER " LONG_250 "12345\r\n",
	  "-ERR line too long\r\n" },
	{ "no more than 255 octets", "USER 123" LONG_250 "\r\nUSER anna\r\n",
	  "-ERR line too long\r\n+OK send PASS\r\n" },
	{ "exactly 255 octets", "USER " "12345678" LONG_50 LONG_50 LONG_50 LONG_50 "1234567890123456789012345678901234567890\r\n",
	  "+OK send PASS\r\n" },
	{ "NUL in a line", "USER an\0na\r\nUSER anna\r\n", "-ERR NUL in a line\r\n+OK send PASS\r\n", 23, 0 },
	{ "8-bit names pass", "USER \xc3\xa4nna\r\nPASS x\r\n", "+OK send PASS\r\n" DENIED },
	{ "HTTP", "GET / HTTP/1.1\r\nHost: pop.example\r\n\r\n", "-ERR this is a POP3 server\r\n", 0, CLOSED },
	{ "HTTP through a proxy", "CONNECT pop.example:110 HTTP/1.1\r\n", "-ERR this is a POP3 server\r\n",
	  0, CLOSED },
	{ "TLS on a plain port", "\x16\x03\x01\x02\x01\x01", "", 0, CLOSED },
	{ "APOP is not offered", "APOP anna c4c9334bac560ecc979e58001b3e22fb\r\n",
	  "-ERR APOP is not offered here\r\n" },
	{ "STLS is not offered", "STLS\r\n", "-ERR TLS is not offered here\r\n" },

	/* CAPA and AUTH */
	{ "CAPA", "CAPA\r\n", CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" CAPA_TAIL },
	{ "AUTH lists mechanisms", "AUTH\r\nAUTH \r\n",
	  "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n"
	  "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n" },
	{ "AUTH PLAIN at once", "AUTH PLAIN AGFubmEAc2VjcmV0\r\nSTAT\r\n", "+OK open [STAT\r\n]\r\n", 0,
	  CLOSED },
	{ "AUTH PLAIN after a challenge", "auth plain\r\nAGFubmEAc2VjcmV0\r\n", "+ \r\n+OK open []\r\n", 0,
	  CLOSED },
	{ "AUTH PLAIN with a wrong password", "AUTH PLAIN AGFubmEAc2VjcmV1\r\n", DENIED },
	{ "the empty initial response", "AUTH PLAIN =\r\n", DENIED },
	{ "AUTH LOGIN", "AUTH LOGIN\r\nYW5uYQ==\r\nc2VjcmV0\r\n",
	  "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK open []\r\n", 0, CLOSED },
	{ "AUTH LOGIN with an initial response", "AUTH LOGIN YW5uYQ==\r\nc2VjcmV0\r\nLIST\r\n",
	  "+ UGFzc3dvcmQ6\r\n+OK open [LIST\r\n]\r\n", 0, CLOSED },
	{ "a failed AUTH leaves USER as it was",
	  "USER anna\r\nAUTH PLAIN AGFubmEAc2VjcmV1\r\nPASS secret\r\n",
	  "+OK send PASS\r\n" DENIED "+OK open []\r\n", 0, CLOSED },
	{ "cancelled", "AUTH PLAIN\r\n*\r\n", "+ \r\n-ERR AUTH cancelled\r\n" },
	{ "foreign octets in base64", "AUTH PLAIN\r\nAGFu bmE=\r\nAUTH PLAIN AG-u\r\n",
	  "+ \r\n-ERR invalid base64\r\n-ERR invalid base64\r\n" },
	{ "padding in the middle", "AUTH PLAIN\r\nAG==bmEA\r\n", "+ \r\n-ERR invalid base64\r\n" },
	{ "an unknown mechanism", "AUTH NTLM\r\nAUTH PLAI\r\n",
	  "-ERR this mechanism is not offered\r\n-ERR this mechanism is not offered\r\n" },
	{ "broken mechanism message", "AUTH PLAIN AGJyb2tlbgB4\r\n",
	  "-ERR invalid message for this mechanism\r\n" },
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

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	for (size_t i = 0; i < COUNT(talks); i++)
		talk_on(&ring, PORT_PLAIN, READY, &talks[i]);
	assert_true(ring_logged(&ring, " login session="));
	assert_true(ring_logged(&ring, "user=anna method=PASS peer=127.0.0.1:"));
	assert_true(ring_logged(&ring, "tls=none"));
	assert_true(ring_logged(&ring, "reason=\"a TLS client on a port without TLS\""));
	assert_true(ring_logged(&ring, "reason=\"an HTTP request\""));
	assert_false(ring_logged(&ring, "secret"));
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
	{ "CAPA shows no way to send a password", "CAPA\r\n", CAPA_HEAD "STLS\r\n" CAPA_TAIL },
	{ "AUTH lists nothing", "AUTH\r\n", "+OK mechanisms follow\r\n.\r\n" },
	{ "USER", "USER anna\r\nPASS secret\r\n",
	  "-ERR [AUTH] TLS required before a password may be sent\r\n"
	  "-ERR [AUTH] TLS required before a password may be sent\r\n" },
	{ "AUTH", "AUTH PLAIN AGFubmEAc2VjcmV0\r\nAUTH login\r\n",
	  "-ERR [AUTH] TLS required before this mechanism\r\n"
	  "-ERR [AUTH] TLS required before this mechanism\r\n" },
	{ "STLS takes no argument", "STLS now\r\n", "-ERR this command takes no argument\r\n" },
};

static void
test_plaintext_policy(void **state)
{
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	config.plaintext_logins = CONFIG_PLAINTEXT_NEVER;
	ring_start(&ring, &config, &certificates);
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
	ring_serve(&ring, 100);
	talk_on(&ring, PORT_STLS, READY, &talks[0]);
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
	ring_start(&ring, &config, &certificates);
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
	ring_start(&ring, &config, &certificates);
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
	assert_true(ring.maildrops[0].handover.tls);
	assert_false(ring.maildrops[0].handover.stls);
	assert_true(ring.maildrops[0].handover.user);
	assert_string_equal(ring.maildrops[0].handover.sasl, "PLAIN LOGIN");
	assert_true(ring_logged(&ring, "tls=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256"));
	user_says(user, "QUIT\r\n", 6);
	user_expects(user, "QUIT\r\n");
	user_expects_end(user);
	user_leaves(user);

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
	ring_serve(&ring, 50);
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
	ring_start(&ring, &config, &certificates);
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	user_says(user, "AUTH PLAIN\r\n", 12);
	user_expects(user, "+ \r\n");
	user_leaves(user);
	while (ring.forgets == 0)
		assert_true(ring_serve(&ring, 10000));

	/* The maildrop dies while the session is pumped. */
	user = user_connect(&ring, PORT_TLS);
	user_expects(user, READY);
	user_says(user, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(user, "+OK send PASS\r\n+OK open []\r\n");
	ring.idle_maildrops = true;
	user_says(user, "STAT\r\n", 6);
	close(ring.maildrops[0].stream);
	ring.maildrops[0].stream = -1;
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
	assert_int_equal(ring.maildrops[0].early_size, READ_SIZE - 24);
	/* The client goes; its maildrop session sees the end. */
	user_leaves(user);
	while (ring.maildrops[0].stream >= 0)
		assert_true(ring_serve(&ring, 10000));
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
	int stream;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 31 + (i >> 13));
	ring_config(&config);
	ring_start(&ring, &config, &certificates);
	user = user_connect(&ring, PORT_TLS);
	user_expects(user, READY);
	user_says(user, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(user, "+OK send PASS\r\n+OK open []\r\n");
	ring.idle_maildrops = true;
	stream = ring.maildrops[0].stream;

	/* From the maildrop, as fast as it goes; then the maildrop ends it. */
	while (sent < SIZE) {
		ssize_t n = write(stream, data + sent, SIZE - sent);

		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		used += user_hears(user, heard + used, 5000);
	}
	/* To the maildrop, which does not read. */
	user_says(user, data, 1 << 20);
	used += user_hears(user, heard + used, SIZE - used);
	assert_int_equal(used, SIZE);
	assert_memory_equal(heard, data, SIZE);
	assert_int_equal(fcntl(stream, F_SETFL, 0), 0);
	for (used = 0; used < 1 << 20;) {
		ssize_t n = read(stream, heard + used, (1 << 20) - used);

		assert_true(n > 0);
		used += (size_t)n;
	}
	assert_memory_equal(heard, data, 1 << 20);
	/* The last words of the maildrop arrive. */
	assert_int_equal(write(stream, data, 100000), 100000);
	close(stream);
	ring.maildrops[0].stream = -1;
	assert_int_equal(user_hears(user, heard, 100000), 100000);
	user_expects_end(user);
	user_leaves(user);
	ring_stop(&ring);
	free(data);
	free(heard);
}

static void
test_limits(void **state)
{
	struct fake_user *users[3], *user;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	config.connections_per_address_max = 3;
	ring_start(&ring, &config, &certificates);
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
	talk_on(&ring, PORT_PLAIN, READY, &talks[0]);
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
	ring_start(&ring, &config, &certificates);
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

/* A client that asks a hundred thousand times and does not listen. */
static void
test_flood(void **state)
{
	enum { COMMANDS = 100000 };
	static const char reply[] = CAPA_HEAD "SASL PLAIN LOGIN\r\nUSER\r\n" CAPA_TAIL;
	char *commands = malloc(COMMANDS * 6 + 1), text[sizeof(reply)];
	size_t before, sent = 0, heard = 0;
	struct fake_user *user, *other;
	struct fake_ring ring;
	struct config config;

	(void)state;
	for (int i = 0; i < COMMANDS; i++)
		memcpy(commands + i * 6, "CAPA\r\n", 6);
	ring_config(&config);
	ring_start(&ring, &config, NULL);
	user = user_connect(&ring, PORT_PLAIN);
	user_expects(user, READY);
	before = resident_kilobytes(ring.pid);
	/* As much as it takes, until it stays with its own reading. */
	for (int idle = 0; idle < 20 && sent < COMMANDS * 6;) {
		ssize_t n = send(user_socket(user), commands + sent, COMMANDS * 6 - sent, MSG_DONTWAIT);

		if (n > 0) {
			sent += (size_t)n;
			idle = 0;
		} else {
			idle++;
			ring_serve(&ring, 10);
		}
	}
	/* Others are not touched. */
	other = user_connect(&ring, PORT_PLAIN);
	user_expects(other, READY);
	user_leaves(other);
	assert_true(resident_kilobytes(ring.pid) < before + 1024);
	/* And nothing is lost. */
	while (heard < COMMANDS) {
		ssize_t n = sent < COMMANDS * 6 ?
		    send(user_socket(user), commands + sent, COMMANDS * 6 - sent, MSG_DONTWAIT) : 0;

		sent += n > 0 ? (size_t)n : 0;
		assert_int_equal(user_hears(user, text, sizeof(reply) - 1), sizeof(reply) - 1);
		assert_string_equal(text, reply);
		heard++;
	}
	user_leaves(user);
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

static void
send_to(struct fake_ring *ring, enum ipc_type type, const void *body)
{
	struct error error;

	assert_int_equal(channel_send(&ring->parent, type, body, -1, &error), 0);
}

static void
test_parents_wishes(void **state)
{
	const struct fake_certificate *bad[] = { &certificates.ec };
	struct ipc_report report = { .ticket = 7, .kind = IPC_REPORT_COUNTS };
	struct ipc_kick kick = { .ticket = 8 };
	struct ipc_stop stop = { .grace_seconds = 60 };
	static struct fake_certificate mixed;
	struct fake_user *pumped, *young, *after;
	struct fake_ring ring;
	struct config config;

	(void)state;
	ring_config(&config);
	ring_start(&ring, &config, &certificates);
	pumped = user_connect(&ring, PORT_TLS);
	user_expects(pumped, READY);
	user_says(pumped, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(pumped, "+OK send PASS\r\n+OK open []\r\n");
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

	/* Bad keys change nothing; good ones and new listeners disturb nobody. */
	mixed = certificates.ec;
	memcpy(mixed.key, certificates.rsa.key, sizeof(mixed.key));
	bad[0] = &mixed;
	ring_send_keys(&ring, bad, 1);
	ring_send_listeners(&ring, 2);
	after = user_connect(&ring, PORT_TLS);
	user_expects(after, READY);
	user_leaves(after);
	assert_true(ring_logged(&ring, "pair-1.pem: the private key does not belong"));
	ring_send_keys(&ring, (const struct fake_certificate *[]){ &certificates.rsa }, 1);
	ring_send_listeners(&ring, 3);
	after = user_connect(&ring, PORT_TLS);
	user_expects(after, READY);
	user_says(pumped, "NOOP\r\n", 6);
	user_expects(pumped, "NOOP\r\n");

	/* The end: who has not logged in goes, who has may finish. */
	send_to(&ring, IPC_STOP, &stop);
	user_expects_end(after);
	user_leaves(after);
	user_says(pumped, "QUIT\r\n", 6);
	user_expects(pumped, "QUIT\r\n");
	user_expects_end(pumped);
	user_leaves(pumped);
	ring_wait(&ring);
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
	ring_start(&ring, &config, &certificates);
	young = user_connect(&ring, PORT_PLAIN);
	user_expects(young, READY);
	pumped = user_connect(&ring, PORT_TLS);
	user_expects(pumped, READY);
	user_says(pumped, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(pumped, "+OK send PASS\r\n+OK open []\r\n");
	channel_close(&ring.parent);
	user_expects_end(young);
	user_expects_end(pumped);
	user_leaves(young);
	user_leaves(pumped);
	ring_wait(&ring);
}

/* --check: the exit status, and a line for each bad pair. */
static void
test_check(void **state)
{
	static struct fake_certificate mixed, expired;
	const struct {
		const struct fake_certificate *pairs[3];
		size_t count;
		int status;
		const char *logged[2];
	} rows[] = {
		{ { &certificates.ec, &certificates.rsa }, 2, 0, { "" } },
		{ { &certificates.ec, &mixed, &expired }, 3, 1,
		  { "pair-2.pem: the private key does not belong", "pair-3.pem: the certificate has expired" } },
	};

	(void)state;
	mixed = certificates.ec;
	memcpy(mixed.key, certificates.rsa.key, sizeof(mixed.key));
	fake_certificate_make(&expired,
	    &(struct fake_certificate_wish){ .from_seconds = -7200, .to_seconds = -3600 });
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake_ring ring;
		struct config config;

		ring_config(&config);
		config.certificate_count = (uint32_t)rows[i].count;
		ring_check(&ring, &config, rows[i].pairs, rows[i].count);
		assert_int_equal(ring.exit_status, rows[i].status);
		for (size_t j = 0; j < 2 && rows[i].logged[j] != NULL; j++)
			assert_true(ring_logged(&ring, rows[i].logged[j]));
		close(ring.log);
	}
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
		cmocka_unit_test(test_auth_dies),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_pump),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_login_timeout),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_parents_wishes),
		cmocka_unit_test(test_parent_dies),
		cmocka_unit_test(test_check),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return EXIT_FAILURE;
	fake_login_program = argv[1];
	return cmocka_run_group_tests(tests, make_certificates, NULL);
}
