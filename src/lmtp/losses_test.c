/*
 * The real restante-lmtp when something gets lost: auth, a maildrop process, its door, a client; when somebody is
 * silent, or never done; and when there is no room. Nothing is left behind, and nobody hears "250" too early.
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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lmtp/fake_ring.h"

#define GREETING "220 mx.example LMTP restante ready\r\n"
#define HI       "LHLO client.example\r\nMAIL FROM:<s@a>\r\n"
#define RCPT     "RCPT TO:<anna@b>\r\n"

static struct fake_ring ring;
static struct config config;

static void
begin(void)
{
	memset(&ring, 0, sizeof(ring));
	ring_config(&config);
}

/* Whose message is whole as soon as more is said. */
static struct fake_user *
with_recipients(const char *rcpts, unsigned count, const char *more)
{
	struct fake_user *user = user_connect(&ring, PORT_PLAIN);

	user_expects(user, GREETING);
	user_says(user, HI);
	user_expects_reply(user, "250 CHUNKING");
	user_expects_reply(user, "250 2.1.0");
	user_says(user, rcpts);
	while (count-- > 0)
		user_expects_reply(user, "250 2.1.5");
	user_says(user, more);
	if (strncmp(more, "DATA", 4) == 0)
		user_expects_reply(user, "354");
	return user;
}

static void
test_auth_is_lost(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	ring.silent_auth = true;
	user = with_recipients("", 0, RCPT "RCPT TO:<bert@b>\r\n");
	while (ring.asked_count < 2)
		assert_true(ring_serve(&ring, PATIENCE_MILLISECONDS));
	channel_close(&ring.auth);
	user_expects(user, "451 4.3.0 <anna@b> not now, try again later\r\n451 4.3.0 <bert@b> not now, try again later\r\n");
	assert_true(ring_logged(&ring, "reason=\"auth has gone\""));
	user_says(user, RCPT);
	user_expects_reply(user, "451 4.3.0 <anna@b>");
	/* The parent is asked until there is one. */
	while (ring.channels_lost < 2)
		assert_true(ring_serve(&ring, PATIENCE_MILLISECONDS));
	ring.silent_auth = false;
	ring_new_auth(&ring);
	ring_sync(&ring);
	user_says(user, RCPT);
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* An answer that comes too late is nobody's. */
static void
test_auth_is_silent(void **state)
{
	struct ipc_recipient_found found = { .delivery = 0 };
	struct fake_user *user;
	struct error error;

	(void)state;
	begin();
	ring.patience = "50";
	ring_start(&ring, &config);
	ring.silent_auth = true;
	user = with_recipients("", 0, RCPT);
	user_expects_reply(user, "451 4.3.0 <anna@b>");
	found.delivery = ring.recipient.delivery;
	assert_int_equal(channel_send(&ring.auth, IPC_RECIPIENT_FOUND, &found, -1, &error), 0);
	user_says(user, "DATA\r\n");
	user_expects_reply(user, "503 5.5.1");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* The door is gone before the message is sent: auth is asked again, once. */
static void
test_no_door(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	user = with_recipients(RCPT, 1, "DATA\r\n");
	ring_door_closes(&ring, FIRST_DOOR);
	ring_sync(&ring);
	user_says(user, "x\r\n.\r\n");
	user_expects_reply(user, "451 4.3.0 <anna@b>");
	assert_int_equal(ring.asked_count, 2);
	assert_int_equal(ring.recipient.gone, FIRST_DOOR);
	assert_int_equal(ring.delivery_count, 0);
	while (ring.doors_lost < 1)
		assert_true(ring_serve(&ring, PATIENCE_MILLISECONDS));
	/* The next process comes meanwhile: its door is heard of before auth names it. */
	user_says(user, "MAIL FROM:<>\r\n" RCPT);
	user_expects_reply(user, "250 2.1.0");
	user_expects_reply(user, "250 2.1.5");
	ring_new_door(&ring, FIRST_DOOR);
	user_says(user, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "354");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* It ends with the message in its hands: nobody knows whether that is on the disk. */
static void
test_maildrop_dies(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	ring.dies_at_delivery = true;
	user = with_recipients(RCPT "RCPT TO:<carl@b>\r\n", 2, "DATA\r\n");
	user_says(user, "x\r\n.\r\n");
	user_expects_reply(user, "451 4.3.0 <anna@b>");
	user_expects_reply(user, "451 4.3.0 <carl@b>");
	assert_int_equal(ring.asked_count, 2);
	assert_int_equal(ring.delivery_count, 2);
	ring.dies_at_delivery = false;
	user_says(user, "MAIL FROM:<s@a>\r\n" RCPT "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.0");
	user_expects_reply(user, "250 2.1.5");
	user_expects_reply(user, "354");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/*
 * A warrant of an auth process that has gone, or a maildrop process that ends: another is fetched, once, and
 * auth hears of the process.
 */
static void
test_old_warrants(void **state)
{
	static const struct {
		unsigned denials;
		enum error_kind denial;
		const char *reply;
		uint32_t gone;
	} cases[] = { { 1, ERROR_DENIED, "250 2.1.5", 0 }, { 2, ERROR_DENIED, "451 4.3.0", 0 },
		{ 1, ERROR_GONE, "250 2.1.5", FIRST_DOOR }, { 2, ERROR_GONE, "451 4.3.0", FIRST_DOOR } };

	(void)state;
	begin();
	ring_start(&ring, &config);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_user *user;

		ring.denials = cases[i].denials;
		ring.denial = cases[i].denial;
		/* (What auth said in the round before is forgotten.) */
		ring_new_auth(&ring);
		ring_sync(&ring);
		ring.asked_count = ring.delivery_count = 0;
		user = with_recipients(RCPT, 1, "DATA\r\n");
		user_says(user, "x\r\n.\r\n");
		user_expects_reply(user, cases[i].reply);
		assert_int_equal(ring.asked_count, 2);
		assert_int_equal(ring.delivery_count, 2);
		assert_int_equal(ring.recipient.gone, cases[i].gone);
		/* Each question has a name of its own. */
		assert_true(ring.deliveries[0].message.delivery != ring.deliveries[1].message.delivery);
		user_leaves(user);
	}
	ring_stop(&ring, 0);
}

/*
 * Whom auth has found it is not asked about again at once, in any session; but when there is another auth, when
 * settings come, or when the maildrop process has not liked what auth said.
 */
static void
test_who_was_found_a_moment_ago(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	user = with_recipients(RCPT, 1, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	assert_int_equal(ring.asked_count, 1);
	user = with_recipients(RCPT, 1, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	assert_int_equal(ring.asked_count, 1);
	assert_int_equal(ring.delivery_count, 2);
	assert_string_equal(ring.deliveries[1].message.warrant.user, ring.deliveries[0].message.warrant.user);
	ring_new_auth(&ring);
	ring_sync(&ring);
	user = with_recipients(RCPT, 1, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	assert_int_equal(ring.asked_count, 2);
	ring_send_settings(&ring, &config);
	ring_sync(&ring);
	ring.denials = 1;
	ring.denial = ERROR_DENIED;
	user = with_recipients(RCPT, 1, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	assert_int_equal(ring.asked_count, 4);
	/* What else the same auth has said is as old. */
	user = with_recipients(RCPT "RCPT TO:<bert@b>\r\n", 2, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.5");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	assert_int_equal(ring.asked_count, 5);
	ring.denials = 1;
	user = with_recipients(RCPT, 1, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	user = with_recipients("RCPT TO:<bert@b>\r\n", 1, "DATA\r\nx\r\n.\r\n");
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	assert_int_equal(ring.asked_count, 7);
	ring_stop(&ring, 0);
}

/* Nobody is remembered for long, and who was not found is looked for each time. */
static void
test_who_was_found_is_forgotten(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	user = with_recipients(RCPT, 1, "");
	while (ring.asked_count < 2) {
		user_says(user, "RSET\r\nMAIL FROM:<>\r\n" RCPT);
		user_expects_reply(user, "250 2.0.0");
		user_expects_reply(user, "250 2.1.0");
		user_expects_reply(user, "250 2.1.5");
		usleep(20000);
	}
	ring.asked_count = 0;
	for (unsigned i = 0; i < 3; i++) {
		user_says(user, "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<unknown@b>\r\n");
		user_expects_reply(user, "250 2.0.0");
		user_expects_reply(user, "250 2.1.0");
		user_expects_reply(user, "550 5.1.1");
	}
	assert_int_equal(ring.asked_count, 3);
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* Replies leave in the order of RCPT whatever the order of the answers; one process answers only for itself. */
static void
test_answers_in_any_order(void **state)
{
	struct ipc_delivered wrong = { .kind = ERROR_NONE };
	struct fake_user *user;
	struct error error;
	unsigned carl;

	(void)state;
	begin();
	ring_start(&ring, &config);
	ring.hold = true;
	user = with_recipients(RCPT "RCPT TO:<carl@b>\r\nRCPT TO:<bert@b>\r\n", 3, "DATA\r\n");
	user_says(user, "x\r\n.\r\nNOOP\r\n");
	ring_await_deliveries(&ring, 3);
	for (carl = 0; ring.deliveries[carl].maildrop != FIRST_DOOR + 1; carl++)
		continue;
	/* Somebody else says that carl's is there. */
	wrong.delivery = ring.deliveries[carl].message.delivery;
	assert_int_equal(channel_send(&ring.doors[FIRST_DOOR % 2], IPC_DELIVERED, &wrong, -1, &error), 0);
	for (unsigned i = 0; i < 3; i++)
		if (i != carl)
			ring_answer(&ring, i, ERROR_NONE);
	user_expects(user, "250 2.1.5 <anna@b> ok\r\n");
	ring_sync(&ring);
	ring_answer(&ring, carl, ERROR_FULL);
	user_expects(user, "452 4.2.2 <carl@b> the mailbox is full, try again later\r\n250 2.1.5 <bert@b> ok\r\n250 2.0.0 ok\r\n");
	user_leaves(user);
	ring_stop(&ring, 0);
}

static void
test_maildrop_is_silent(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	ring.patience = "200";
	ring_start(&ring, &config);
	ring.hold = true;
	user = with_recipients(RCPT, 1, "DATA\r\n");
	user_says(user, "x\r\n.\r\n");
	user_expects_reply(user, "451 4.3.0");
	assert_int_equal(ring.delivery_count, 1);
	/* Too late. */
	ring_answer(&ring, 0, ERROR_NONE);
	ring_sync(&ring);
	user_says(user, "NOOP\r\n");
	user_expects(user, "250 2.0.0 ok\r\n");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* A maildrop process has so many messages at a time and no more; the others have their turn. */
static void
test_many_for_one_maildrop(void **state)
{
	enum { MANY = 200, AT_ONCE = 64 };
	char rcpts[MANY * 32], expected[64];
	struct fake_user *user;
	size_t used = 0;

	(void)state;
	begin();
	ring_start(&ring, &config);
	ring.hold = true;
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(rcpts + used, sizeof(rcpts) - used, "RCPT TO:<anna%d@b>\r\n", i);
	user = with_recipients(rcpts, MANY, "DATA\r\n");
	user_says(user, "x\r\n.\r\n");
	ring_await_deliveries(&ring, AT_ONCE);
	ring_sync(&ring);
	assert_int_equal(ring.delivery_count, AT_ONCE);
	for (unsigned i = 0; i < MANY; i++) {
		ring_await_deliveries(&ring, i + 1);
		assert_true(ring.delivery_count <= i + AT_ONCE);
		ring_answer(&ring, i, ERROR_NONE);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(expected, sizeof(expected), "250 2.1.5 <anna%d@b> ok\r\n", i);
		user_expects(user, expected);
	}
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* The process ends while others wait for their turn: those are asked about again and go to the next. */
static void
test_maildrop_dies_with_many_waiting(void **state)
{
	enum { MANY = 70, AT_ONCE = 64 };
	char rcpts[MANY * 32];
	struct fake_user *user;
	unsigned good = 0;
	size_t used = 0;

	(void)state;
	begin();
	ring_start(&ring, &config);
	ring.hold = true;
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(rcpts + used, sizeof(rcpts) - used, "RCPT TO:<anna%d@b>\r\n", i);
	user = with_recipients(rcpts, MANY, "DATA\r\n");
	user_says(user, "x\r\n.\r\n");
	ring_await_deliveries(&ring, AT_ONCE);
	ring_sync(&ring);
	ring.hold = false;
	ring_new_door(&ring, FIRST_DOOR);
	for (int i = 0; i < MANY; i++) {
		const char *reply = i < AT_ONCE ? "451 4.3.0" : "250 2.1.5";

		user_expects_reply(user, reply);
		good += i >= AT_ONCE;
	}
	assert_int_equal(good, MANY - AT_ONCE);
	assert_int_equal(ring.delivery_count, MANY);
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* Whenever a client goes, nothing of it stays. */
static void
test_client_goes(void **state)
{
	static const char *const talks[] = { "", "LH", HI, HI RCPT, HI RCPT "DATA\r\n", HI RCPT "DATA\r\nx\r\n",
		HI RCPT "DATA\r\nx\r\n.\r\n", HI RCPT "BDAT 100\r\nx", HI RCPT "BDAT 1 LAST\r\nxMAIL FROM:<>\r\n" RCPT,
		HI RCPT RCPT "RCPT TO:<carl@b>\r\nDATA\r\nx\r\n.\r\n" };
	static char big[1000000];
	unsigned descriptors;

	(void)state;
	memset(big, 'x', sizeof(big));
	begin();
	/* Who waits for auth is not listened to: that it has gone shows when the wait is over. */
	ring.patience = "300";
	ring_start(&ring, &config);
	ring_sync(&ring);
	descriptors = ring_descriptors(&ring);
	for (unsigned turn = 0; turn < 4 * sizeof(talks) / sizeof(talks[0]); turn++) {
		struct fake_user *user = user_connect(&ring, PORT_PLAIN);

		ring.silent_auth = turn % 4 == 1;
		ring.hold = turn % 4 == 2;
		user_says(user, talks[turn / 4]);
		if (turn % 4 == 3)
			user_sends(user, big, sizeof(big));
		while (ring_serve(&ring, 5))
			continue;
		user_leaves(user);
		/* What is on its way is answered yet. */
		for (unsigned i = 0; i < ring.delivery_count && i < DELIVERIES_KEPT; i++)
			if (ring.hold && !ring.deliveries[i].answered && i + 2 >= ring.delivery_count)
				ring_answer(&ring, i, ERROR_NONE);
		ring_await_descriptors(&ring, descriptors);
	}
	ring_sync(&ring);
	assert_int_equal(ring.rows[0].number, 0);
	ring_stop(&ring, 0);
}

/* A client that says nothing, or is never done, is told, and what it has said is forgotten. */
static void
test_silent_client(void **state)
{
	static const char *const talks[] = { "", HI, HI RCPT "DATA\r\nx\r\n", HI RCPT "BDAT 100\r\nx" };
	static const char *const last[] = { GREETING, "250 2.1.0", "354", "250 2.1.5" };
	unsigned descriptors;

	(void)state;
	begin();
	config.lmtp_timeout_seconds = 1;
	ring_start(&ring, &config);
	ring_sync(&ring);
	descriptors = ring_descriptors(&ring);
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		struct fake_user *user = user_connect(&ring, PORT_PLAIN);

		user_says(user, talks[i]);
		user_expects(user, GREETING);
		if (i > 0) {
			user_expects_reply(user, "250 CHUNKING");
			user_expects_reply(user, "250 2.1.0");
		}
		if (i > 1)
			user_expects_reply(user, "250 2.1.5");
		if (i == 2)
			user_expects_reply(user, last[i]);
		user_expects(user, "421 4.4.2 nothing was said for too long\r\n");
		user_expects_end(user);
		user_leaves(user);
		ring_await_descriptors(&ring, descriptors);
	}
	assert_int_equal(ring.delivery_count, 0);
	ring_stop(&ring, 0);
}

/* A client whose maildrop takes its time is not silent. */
static void
test_client_that_waits_for_us(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	config.lmtp_timeout_seconds = 1;
	ring_start(&ring, &config);
	ring.hold = true;
	user = with_recipients(RCPT, 1, "DATA\r\n");
	user_says(user, "x\r\n.\r\n");
	ring_await_deliveries(&ring, 1);
	usleep(1500000);
	ring_answer(&ring, 0, ERROR_NONE);
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* Who takes no replies is not read from, and goes when that lasts. */
static void
test_client_that_takes_nothing(void **state)
{
	static char noops[6 * 4000];
	struct fake_user *user;
	unsigned long before;
	unsigned descriptors;
	size_t said = 0;

	(void)state;
	begin();
	config.lmtp_timeout_seconds = 2;
	ring_start(&ring, &config);
	ring_sync(&ring);
	descriptors = ring_descriptors(&ring);
	for (size_t i = 0; i < sizeof(noops); i += 6)
		memcpy(noops + i, "HELP\r\n", 6);
	user = user_connect(&ring, PORT_UNIX);
	before = ring_memory(&ring);
	/* Until the sockets are full on both ways. */
	for (int idle = 0; idle < 20;) {
		ssize_t n = send(user->socket, noops, sizeof(noops), MSG_DONTWAIT | MSG_NOSIGNAL);

		idle = n > 0 ? 0 : idle + 1;
		said += n > 0 ? (size_t)n : 0;
		assert_true(said < (size_t)64 << 20);
		ring_serve(&ring, 5);
	}
	assert_true(ring_memory(&ring) < before + 4096);
	ring_await_descriptors(&ring, descriptors);
	assert_true(ring_logged(&ring, "reason=timeout"));
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* What is beyond lmtp_recipients_max costs nothing. */
static void
test_recipients_without_end(void **state)
{
	enum { MAX = 100, MORE = 100000, ROUND = 1000 };
	static char rcpts[ROUND * 32];
	static char replies[ROUND * 40];
	struct fake_user *user;
	unsigned long before;
	size_t used = 0, expected = 0;

	(void)state;
	begin();
	config.lmtp_recipients_max = MAX;
	ring_start(&ring, &config);
	for (int i = 0; i < MAX; i++)
		used += (size_t)snprintf(rcpts + used, sizeof(rcpts) - used, "RCPT TO:<anna%d@b>\r\n", i);
	user = with_recipients(rcpts, MAX, "");
	before = ring_memory(&ring);
	used = 0;
	for (int i = 0; i < ROUND; i++) {
		used += (size_t)snprintf(rcpts + used, sizeof(rcpts) - used, "RCPT TO:<bert%d@b>\r\n", i);
		expected += (size_t)snprintf(replies + expected, sizeof(replies) - expected, "452 4.5.3 too many recipients\r\n");
	}
	for (int i = 0; i < MORE / ROUND; i++) {
		user_says(user, rcpts);
		user_expects(user, replies);
	}
	assert_int_equal(ring.asked_count, MAX);
	assert_true(ring_memory(&ring) < before + 1024);
	user_says(user, "DATA\r\n.\r\n");
	user_expects_reply(user, "354");
	for (int i = 0; i < MAX; i++)
		user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* The disk is full, or a file would be too big: the client hears so, and the session goes on. */
static void
test_no_room(void **state)
{
	static char big[300000];
	struct fake_user *user;

	(void)state;
	memset(big, 'x', sizeof(big));
	begin();
	ring.file_size_max = 200000;
	ring_start(&ring, &config);
	user = with_recipients(RCPT, 1, "BDAT 300000 LAST\r\n");
	user_sends(user, big, sizeof(big));
	user_expects_reply(user, "452 4.3.1");
	assert_int_equal(ring.delivery_count, 0);
	assert_true(ring_logged(&ring, "spool-failed"));
	user_says(user, "MAIL FROM:<s@a>\r\n" RCPT "BDAT 100000 LAST\r\n");
	user_expects_reply(user, "250 2.1.0");
	user_expects_reply(user, "250 2.1.5");
	user_sends(user, big, 100000);
	user_expects_reply(user, "250 2.1.5");
	assert_int_equal(ring.deliveries[0].octets, 100000);
	user_leaves(user);
	ring_stop(&ring, 0);
}

/* Without a spool directory small messages go on. */
static void
test_no_spool_directory(void **state)
{
	static char big[100000];
	struct fake_user *user;

	(void)state;
	memset(big, 'x', sizeof(big));
	begin();
	ring_start(&ring, &config);
	assert_int_equal(rmdir(ring.spool), 0);
	user = with_recipients(RCPT, 1, "BDAT 100000 LAST\r\n");
	user_sends(user, big, sizeof(big));
	user_expects_reply(user, "451 4.3.0");
	user_says(user, "MAIL FROM:<s@a>\r\n" RCPT "BDAT 1000 LAST\r\n");
	user_expects_reply(user, "250 2.1.0");
	user_expects_reply(user, "250 2.1.5");
	user_sends(user, big, 1000);
	user_expects_reply(user, "250 2.1.5");
	user_leaves(user);
	assert_int_equal(mkdir(ring.spool, 0700), 0);
	ring_stop(&ring, 0);
}

/* Who hands in a message may finish it; others are told to come again. */
static void
test_stop(void **state)
{
	struct fake_user *busy, *idle;

	(void)state;
	begin();
	ring_start(&ring, &config);
	busy = with_recipients(RCPT, 1, "DATA\r\n");
	idle = user_connect(&ring, PORT_PLAIN);
	user_expects(idle, GREETING);
	ring_tell(&ring, IPC_STOP, &(struct ipc_stop){ 60 }, -1);
	user_expects(idle, "421 4.3.2 the server stops, come again\r\n");
	user_expects_end(idle);
	user_leaves(idle);
	user_says(busy, "x\r\n.\r\n");
	user_expects(busy, "250 2.1.5 <anna@b> ok\r\n421 4.3.2 the server stops, come again\r\n");
	user_expects_end(busy);
	user_leaves(busy);
	ring_wait(&ring);
}

static void
test_grace_is_limited(void **state)
{
	struct fake_user *busy;

	(void)state;
	begin();
	ring_start(&ring, &config);
	busy = with_recipients(RCPT, 1, "DATA\r\n");
	ring_stop(&ring, 1);
	user_expects_end(busy);
	user_leaves(busy);
	assert_int_equal(ring.delivery_count, 0);
}

static void
test_parent_dies(void **state)
{
	struct fake_user *user;

	(void)state;
	begin();
	ring_start(&ring, &config);
	user = with_recipients(RCPT, 1, "DATA\r\n");
	channel_close(&ring.parent);
	user_expects_end(user);
	user_leaves(user);
	ring_wait(&ring);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_auth_is_lost),
		cmocka_unit_test(test_no_door),
		cmocka_unit_test(test_maildrop_dies),
		cmocka_unit_test(test_old_warrants),
		cmocka_unit_test(test_who_was_found_a_moment_ago),
		cmocka_unit_test(test_who_was_found_is_forgotten),
		cmocka_unit_test(test_answers_in_any_order),
		cmocka_unit_test(test_many_for_one_maildrop),
		cmocka_unit_test(test_maildrop_dies_with_many_waiting),
		cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_silent_client),
		cmocka_unit_test(test_client_that_waits_for_us),
		cmocka_unit_test(test_client_that_takes_nothing),
		cmocka_unit_test(test_recipients_without_end),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_no_spool_directory),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_grace_is_limited),
		cmocka_unit_test(test_parent_dies),
#ifdef RESTANTE_TEST_HOOKS
		cmocka_unit_test(test_auth_is_silent),
		cmocka_unit_test(test_maildrop_is_silent),
#endif
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return EXIT_FAILURE;
	fake_lmtp_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
