/*
 * The real restante-lmtp, with the test in the place of everybody around it: messages come in whole, recipients are
 * answered in their order, and who may come in.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lmtp/fake_ring.h"

#define GREETING "220 mx.example LMTP restante ready\r\n"
#define LHLO     "LHLO client.example\r\n"
#define MAIL     "MAIL FROM:<s@a.example>\r\n"
#define GO       "354 go on, end with <CRLF>.<CRLF>\r\n"

static struct fake_ring ring;
static struct config config;

static void
begin(void)
{
	memset(&ring, 0, sizeof(ring));
	ring_config(&config);
}

static struct fake_user *
greeted(enum fake_port port)
{
	struct fake_user *user = user_connect(&ring, port);

	user_expects(user, GREETING);
	user_says(user, LHLO);
	user_expects_reply(user, "250 CHUNKING");
	return user;
}

static void
test_each_recipient_has_its_reply(void **state)
{
	static const char text[] = "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n";
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	user = greeted(PORT_PLAIN);
	user_says(user, MAIL "RCPT TO:<anna@a.example>\r\nRCPT TO:<unknown@a.example>\r\nRCPT TO:<full@a.example>\r\n"
	    "RCPT TO:<disabled@a.example>\r\nRCPT TO:<temporary@a.example>\r\nRCPT TO:<permanent@a.example>\r\n"
	    "RCPT TO:<broken@a.example>\r\nRCPT TO:<carl@a.example>\r\nRCPT TO:<later@a.example>\r\nDATA\r\n");
	user_expects(user, "250 2.1.0 ok\r\n250 2.1.5 <anna@a.example> ok\r\n"
	    "550 5.1.1 <unknown@a.example> no such mailbox\r\n250 2.1.5 <full@a.example> ok\r\n"
	    "550 5.2.1 <disabled@a.example> the mailbox takes no mail\r\n"
	    "451 4.3.0 <temporary@a.example> not now, try again later\r\n"
	    "451 4.3.0 <permanent@a.example> not now, try again later\r\n"
	    "250 2.1.5 <broken@a.example> ok\r\n250 2.1.5 <carl@a.example> ok\r\n250 2.1.5 <later@a.example> ok\r\n" GO);
	user_says(user, text);
	user_expects(user, "250 2.1.5 <anna@a.example> ok\r\n"
	    "452 4.2.2 <full@a.example> the mailbox is full, try again later\r\n"
	    "451 4.3.0 <broken@a.example> not now, try again later\r\n250 2.1.5 <carl@a.example> ok\r\n"
	    "451 4.3.0 <later@a.example> not now, try again later\r\n");
	assert_int_equal(ring.delivery_count, 5);
	user_says(user, "QUIT\r\n");
	user_expects(user, "221 2.0.0 goodbye\r\n");
	user_expects_end(user);
	user_leaves(user);
	assert_true(ring_logged(&ring, "sender=s@a.example octets=25 delivered=2 not_delivered=3"));
	assert_true(ring_logged(&ring, "recipient=unknown@a.example reason=unknown"));
	assert_true(ring_logged(&ring, "recipient=broken@a.example user=broken@a.example reason=\"the fake said so\""));
	ring_sync(&ring);
	assert_string_equal(ring.rows[0].name, "connections");
	assert_int_equal(ring.rows[0].number, 0);
	assert_string_equal(ring.rows[1].name, "messages");
	assert_int_equal(ring.rows[1].number, 1);
	assert_string_equal(ring.rows[2].name, "recipients delivered");
	assert_int_equal(ring.rows[2].number, 2);
	assert_string_equal(ring.rows[3].name, "recipients refused");
	assert_int_equal(ring.rows[3].number, 7);
	ring_stop(&ring, 0);
}

/* What auth is asked, and what the maildrop process gets. */
static void
test_what_is_handed_on(void **state)
{
	static const struct {
		const char *recipient, *user, *otherwise, *folder;
		bool folders;
	} cases[] = {
		{ "anna@b.example", "anna@b.example", "", "", true },
		{ "anna+lists@b.example", "anna@b.example", "", "lists", true },
		{ "anna+lists@b.example", "anna@b.example", "", "", false },
		{ "anna@MX.example", "anna@MX.example", "anna", "", true },
		{ "anna@localhost", "anna@localhost", "anna", "", true },
		{ "postmaster", "postmaster", "postmaster", "", true },
	};
	const struct fake_delivery *delivery = &ring.deliveries[0];
	char line[256];

	(void)state;
	begin();
	ring_start(&ring, &config);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_user *user;

		config.lmtp_detail_folders = cases[i].folders;
		ring_send_settings(&ring, &config);
		ring_sync(&ring);
		user = greeted(i % 2 == 0 ? PORT_PLAIN : PORT_UNIX);
		ring.delivery_count = 0;
		snprintf(line, sizeof(line), MAIL "RCPT TO:<%s>\r\nDATA\r\n", cases[i].recipient);
		user_says(user, line);
		user_expects_reply(user, "250 2.1.0");
		user_expects_reply(user, "250 2.1.5");
		user_expects_reply(user, "354");
		user_says(user, "a: b\r\n\r\nbody\r\n.\r\n");
		user_expects_reply(user, "250 2.1.5");
		assert_string_equal(ring.recipient.user, cases[i].user);
		assert_string_equal(ring.recipient.otherwise, cases[i].otherwise);
		assert_string_equal(ring.recipient.extended,
		    strchr(cases[i].recipient, '+') != NULL ? cases[i].recipient : "");
		assert_string_equal(delivery->message.folder, cases[i].folder);
		assert_string_equal(delivery->message.sender, "s@a.example");
		assert_string_equal(delivery->message.warrant.user, cases[i].user);
		assert_int_equal(delivery->message.warrant.seal[0], 77);
		assert_string_equal(delivery->text, "a: b\r\n\r\nbody\r\n");
		assert_false(delivery->writable);
		snprintf(line, sizeof(line), "Return-Path: <s@a.example>\r\nDelivered-To: %s\r\nReceived: from client.example",
		    cases[i].recipient);
		if (strncmp(delivery->head, line, strlen(line)) != 0)
			fail_msg("%s", delivery->head);
		user_leaves(user);
	}
	ring_stop(&ring, 0);
}

static void
test_domains_of_ours(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	strcpy(config.lmtp_domains, "one.example two.example");
	ring_start(&ring, &config);
	user = greeted(PORT_PLAIN);
	user_says(user, MAIL "RCPT TO:<anna@two.example>\r\n");
	user_expects_reply(user, "250 2.1.0");
	user_expects_reply(user, "250 2.1.5");
	assert_string_equal(ring.recipient.otherwise, "anna");
	user_says(user, "RCPT TO:<anna@mx.example>\r\n");
	user_expects_reply(user, "250 2.1.5");
	assert_string_equal(ring.recipient.otherwise, "");
	user_says(user, "RCPT TO:<anna@localhost>\r\n");
	user_expects_reply(user, "250 2.1.5");
	assert_string_equal(ring.recipient.otherwise, "anna");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* An octet at a time, and all at once. */
static void
test_slow_and_fast(void **state)
{
	static const char talk[] = LHLO MAIL "RCPT TO:<anna@b>\r\nDATA\r\nx: y\r\n\r\n..\r\n.\r\n" MAIL
	    "RCPT TO:<bert@b>\r\nBDAT 4\r\nx: \rBDAT 2 LAST\r\n\n\nQUIT\r\n";
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	for (int slow = 0; slow < 2; slow++) {
		ring.delivery_count = 0;
		user = user_connect(&ring, PORT_PLAIN);
		user_expects(user, GREETING);
		for (size_t i = 0; slow != 0 && i < sizeof(talk) - 1; i++) {
			user_sends(user, talk + i, 1);
			while (ring_serve(&ring, 0))
				continue;
		}
		if (slow == 0)
			user_says(user, talk);
		user_expects_reply(user, "250 CHUNKING");
		user_expects(user, "250 2.1.0 ok\r\n250 2.1.5 <anna@b> ok\r\n" GO "250 2.1.5 <anna@b> ok\r\n"
		    "250 2.1.0 ok\r\n250 2.1.5 <bert@b> ok\r\n250 2.0.0 4 octets\r\n250 2.1.5 <bert@b> ok\r\n"
		    "221 2.0.0 goodbye\r\n");
		user_expects_end(user);
		user_leaves(user);
		assert_string_equal(ring.deliveries[0].text, "x: y\r\n\r\n.\r\n");
		assert_string_equal(ring.deliveries[1].text, "x: \r\n\n");
	}
	ring_stop(&ring, 0);
}

/* Once in memory, once in a file; every recipient gets the same, and nobody can change it. */
static void
test_big_messages(void **state)
{
	static const size_t sizes[] = { 65533, 65534, 65535, 65536, 200000, 10000000 };
	char *text = malloc(sizes[5] + 16);
	struct fake_user *user;

	(void)state;
	assert_non_null(text);
	begin();
	ring_start(&ring, &config);
	user = greeted(PORT_PLAIN);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t sum = 0;

		for (size_t n = 0; n < sizes[i]; n++) {
			text[n] = n % 71 == 69 ? '\r' : n % 71 == 70 ? '\n' : (char)('a' + (n * 7 + n / 71) % 26);
			sum = sum * 31 + (unsigned char)text[n];
		}
		ring.delivery_count = 0;
		snprintf(text + sizes[i], 16, "QUUX");
		user_says(user, MAIL "RCPT TO:<anna@b>\r\nRCPT TO:<carl@b>\r\n");
		user_expects_reply(user, "250 2.1.0");
		user_expects_reply(user, "250 2.1.5");
		user_expects_reply(user, "250 2.1.5");
		{
			char line[64];

			snprintf(line, sizeof(line), "BDAT %zu LAST\r\n", sizes[i]);
			user_says(user, line);
		}
		user_sends(user, text, sizes[i]);
		user_expects_reply(user, "250 2.1.5 <anna@b>");
		user_expects_reply(user, "250 2.1.5 <carl@b>");
		for (unsigned n = 0; n < 2; n++) {
			assert_int_equal(ring.deliveries[n].octets, sizes[i]);
			assert_true(ring.deliveries[n].sum == sum);
			assert_false(ring.deliveries[n].writable);
		}
	}
	user_leaves(user);
	free(text);
	ring_stop(&ring, 0);
}

/* For one alone, and short, it goes with what is said of it; to be sent again it is still there. */
static void
test_short_messages(void **state)
{
	static const struct {
		size_t size;
		bool two, denied, copied;
	} cases[] = { { 0, false, false, true }, { 100, false, false, true }, { 100, true, false, false },
		{ 0, true, false, false }, { 100, false, true, true }, { DELIVER_TEXT_SIZE, false, false, true },
		{ DELIVER_TEXT_SIZE, false, true, true }, { DELIVER_TEXT_SIZE + 1, false, false, false } };
	static char text[DELIVER_TEXT_SIZE + 1];
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	user = greeted(PORT_PLAIN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t sum = 0;
		char line[64];

		for (size_t at = 0; at < cases[i].size; at++)
			sum = sum * 31 + (unsigned char)(text[at] = (char)('a' + (at + i) % 26));
		ring.delivery_count = 0;
		ring.denials = cases[i].denied ? 1 : 0;
		ring.denial = ERROR_DENIED;
		user_says(user, MAIL "RCPT TO:<anna@b>\r\n");
		user_says(user, cases[i].two ? "RCPT TO:<carl@b>\r\n" : "");
		snprintf(line, sizeof(line), "BDAT %zu LAST\r\n", cases[i].size);
		user_says(user, line);
		user_sends(user, text, cases[i].size);
		user_expects_reply(user, "250 2.1.0");
		for (unsigned n = 0; n < (cases[i].two ? 4 : 2); n++)
			user_expects_reply(user, "250 2.1.5");
		assert_int_equal(ring.delivery_count, cases[i].two || cases[i].denied ? 2 : 1);
		for (unsigned n = 0; n < ring.delivery_count; n++) {
			assert_int_equal(ring.deliveries[n].copied, cases[i].copied);
			assert_int_equal(ring.deliveries[n].octets, cases[i].size);
			assert_true(ring.deliveries[n].sum == sum);
		}
	}
	user_leaves(user);
	ring_stop(&ring, 0);
}

static void
test_over_quota_for_good(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	config.over_quota = CONFIG_OVER_QUOTA_PERMANENT;
	ring_start(&ring, &config);
	user = greeted(PORT_PLAIN);
	user_says(user, MAIL "RCPT TO:<full@b>\r\nDATA\r\n.\r\n");
	user_expects_reply(user, "250 2.1.0");
	user_expects_reply(user, "250 2.1.5");
	user_expects_reply(user, "354");
	user_expects_reply(user, "552 5.2.2");
	user_leaves(user);
	ring_stop(&ring, 0);
}

static void
test_tls(void **state)
{
	static char clear[sizeof(LHLO "STARTTLS\r\n") - 1 + 9000];
	struct fake_user *user;

	(void)state;
	begin();
	config.certificate_count = 1;
	ring_start(&ring, &config);
	user = user_connect(&ring, PORT_STLS);
	user_expects(user, GREETING);
	/* What stands behind STARTTLS is nobody's, however much it is. */
	for (int i = 0; i < 1500; i++)
		memcpy(clear + sizeof(LHLO "STARTTLS\r\n") - 1 + 6 * i, "NOOP\r\n", 6);
	memcpy(clear, LHLO "STARTTLS\r\n", sizeof(LHLO "STARTTLS\r\n") - 1);
	user_sends(user, clear, sizeof(LHLO "STARTTLS\r\n") - 1 + sizeof("NOOP\r\n") - 1);
	user_expects_reply(user, "250 CHUNKING");
	user_expects(user, "220 2.0.0 ready for TLS\r\n");
	user_leaves(user);
	user = user_connect(&ring, PORT_STLS);
	user_expects(user, GREETING);
	user_sends(user, clear, sizeof(clear));
	user_expects_reply(user, "250 CHUNKING");
	user_expects(user, "220 2.0.0 ready for TLS\r\n");
	user_starts_tls(user);
	user_says(user, MAIL);
	user_expects_reply(user, "503 5.5.1");
	user_says(user, LHLO MAIL "RCPT TO:<anna@b>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n");
	user_expects_reply(user, "250 CHUNKING");
	user_expects(user, "250 2.1.0 ok\r\n250 2.1.5 <anna@b> ok\r\n" GO "250 2.1.5 <anna@b> ok\r\n"
	    "221 2.0.0 goodbye\r\n");
	user_expects_end(user);
	user_leaves(user);
	assert_non_null(strstr(ring.deliveries[0].head, " with LMTPS "));
	user = user_connect(&ring, PORT_TLS);
	user_starts_tls(user);
	user_expects(user, GREETING);
	user_leaves(user);
	user = greeted(PORT_PLAIN);
	user_says(user, "STARTTLS\r\n");
	user_expects_reply(user, "502");
	user_leaves(user);
	ring_stop(&ring, 0);
}

static void
test_who_may_come(void **state)
{
	static const struct {
		const char *networks, *trusted;
		enum fake_port port;
		const char *greeting, *xclient;
	} cases[] = {
		{ "127.0.0.0/8", "", PORT_PLAIN, GREETING, "550 5.7.0" },
		{ "127.0.0.1", "127.0.0.1/32", PORT_PLAIN, GREETING, "220 " },
		{ "127.0.0.1", "127.0.0.1/32", PORT_UNIX, GREETING, "550 5.7.0" },
		{ "127.0.0.2 ::/0", "unix", PORT_PLAIN, "554 5.7.1 no mail is taken from your address\r\n", NULL },
		{ "", "unix", PORT_UNIX, GREETING, "220 " },
	};

	(void)state;
	begin();
	ring_start(&ring, &config);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_user *user;

		snprintf(config.lmtp_networks, sizeof(config.lmtp_networks), "%s", cases[i].networks);
		snprintf(config.lmtp_xclient_hosts, sizeof(config.lmtp_xclient_hosts), "%s", cases[i].trusted);
		ring_send_settings(&ring, &config);
		ring_sync(&ring);
		user = user_connect(&ring, cases[i].port);
		user_expects(user, cases[i].greeting);
		if (cases[i].xclient != NULL) {
			user_says(user, "XCLIENT NAME=far.example ADDR=192.0.2.9\r\n");
			user_expects_reply(user, cases[i].xclient);
		} else {
			user_expects_end(user);
		}
		user_leaves(user);
	}
	assert_true(ring_logged(&ring, "client-refused peer=127.0.0.1:"));
	ring_stop(&ring, 0);
}

static void
test_too_many_connections(void **state)
{
	struct fake_user *users[3], *late;

	(void)state;
	begin();
	config.lmtp_connections_max = 3;
	ring_start(&ring, &config);
	for (int i = 0; i < 3; i++)
		users[i] = greeted(PORT_PLAIN);
	late = user_connect(&ring, PORT_PLAIN);
	user_expects(late, "421 4.3.2 too many connections, come again\r\n");
	user_expects_end(late);
	user_leaves(late);
	for (int i = 0; i < 3; i++)
		user_leaves(users[i]);
	ring_stop(&ring, 0);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_recipient_has_its_reply),
		cmocka_unit_test(test_what_is_handed_on),
		cmocka_unit_test(test_domains_of_ours),
		cmocka_unit_test(test_slow_and_fast),
		cmocka_unit_test(test_big_messages),
		cmocka_unit_test(test_short_messages),
		cmocka_unit_test(test_over_quota_for_good),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_who_may_come),
		cmocka_unit_test(test_too_many_connections),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return EXIT_FAILURE;
	fake_lmtp_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
