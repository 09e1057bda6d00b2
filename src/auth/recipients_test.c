/* What restante-auth tells restante-lmtp: who has a maildrop here, and a warrant for it. */

#include "auth/auth_fake.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANNA   "maildir:/srv/mail/anna/Maildir"
#define BERT   "maildir:/srv/mail/bert/Maildir"
#define CARL   "maildir:/srv/mail/carl/Maildir"
#define LOCKED "maildir:/srv/mail/locked/Maildir"

static int
start(void **state)
{
	if (start_world(state) != 0)
		return -1;
	open_lmtp(0);
	return 0;
}

static void
test_found(void **state)
{
	(void)state;
	ask_recipient(1, "anna", "");
	expect_start(5000, 5001, "/srv/mail");
	assert_true(is_silent(&world.lmtp));
	give_maildrop(5000, 5001, "/srv/mail");
	expect_found(1, "anna", ANNA, 0, 0);
	/* The process runs now: anna again, and another of the same uid. */
	ask_recipient(2, "anna", "");
	expect_found(2, "anna", ANNA, 0, 0);
	ask_recipient(3, "bert", "anna");
	expect_found(3, "bert", BERT, 0, 0);
	assert_true(is_silent(&world.parent));
	assert_true(is_silent(&world.maildrop));
}

/* Names as they are written, then in lower case; the second one only where the first is nobody's. */
static void
test_who(void **state)
{
	static const struct {
		const char *user, *otherwise;
		const char *found, *place;	/* NULL: refused */
		enum error_kind kind;
	} cases[] = {
		{ "anna", "bert", "anna", ANNA, 0 },
		{ "anna@example.org", "anna", "anna", ANNA, 0 },
		{ "nobody", "bert", "bert", BERT, 0 },
		{ "locked", "", "locked", LOCKED, 0 },
		{ "nobody", "", NULL, NULL, ERROR_GONE },
		{ "nobody", "no-one", NULL, NULL, ERROR_GONE },
		{ "", "", NULL, NULL, ERROR_GONE },
		{ "Anna", "", "anna", ANNA, 0 },
		{ "ANNA@Example.ORG", "ANNA", "anna", ANNA, 0 },
		{ "ANNA", "bert", "bert", BERT, 0 },
		{ "ANN", "BER", NULL, NULL, ERROR_GONE },
		{ "anna ", "", NULL, NULL, ERROR_GONE },
		{ "ann", "", NULL, NULL, ERROR_GONE },
		{ "broken line", "", NULL, NULL, ERROR_GONE },
		{ "homeless", "anna", NULL, NULL, ERROR_PERMANENT },
		{ "../etc", "anna", NULL, NULL, ERROR_PERMANENT },
	};

	(void)state;
	give_maildrop(5000, 5001, "/srv/mail");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s %s\n", cases[i].user, cases[i].otherwise);
		ask_recipient(i, cases[i].user, cases[i].otherwise);
		if (cases[i].found == NULL)
			expect_recipient_refused(i, cases[i].kind);
		else if (strcmp(cases[i].found, "locked") == 0)
			expect_found(i, cases[i].found, cases[i].place, 1024, 7);
		else
			expect_found(i, cases[i].found, cases[i].place, 0, 0);
	}
	assert_true(log_has("recipient-refused session=300000004 user=nobody kind=gone"));
	assert_true(is_silent(&world.parent));
}

static void
test_quota(void **state)
{
	(void)state;
	world.config.quota_storage_max = 5000;
	world.config.quota_messages_max = 50;
	send_settings();
	write_users("anna:{PLAIN}a:5000:5001::/srv/mail/anna\n"
		    "bert:{PLAIN}b:5000:5001::/srv/mail/bert::userdb_quota_rule=*:bytes=9\n"
		    "carl:{PLAIN}c:5000:5001::/srv/mail/carl::quota_rule=*:storage=0\n"
		    "dora:{PLAIN}d:5000:5001::/srv/mail/dora::quota_rule=*:storage=10%\n");
	give_maildrop(5000, 5001, "/srv/mail");
	ask_recipient(1, "anna", "");
	expect_found(1, "anna", ANNA, 5000, 50);
	ask_recipient(2, "bert", "");
	expect_found(2, "bert", BERT, 9, 0);
	ask_recipient(3, "carl", "");
	expect_found(3, "carl", CARL, 0, 0);
	ask_recipient(4, "dora", "");
	expect_found(4, "dora", "maildir:/srv/mail/dora/Maildir", 0, 0);
	assert_true(log_has("users-line-doubtful file="));
}

/* The user who is new since a moment ago, and the one who has gone. */
static void
test_a_changed_file(void **state)
{
	(void)state;
	give_maildrop(5000, 5001, "/srv/mail");
	ask_recipient(1, "dora", "");
	expect_recipient_refused(1, ERROR_GONE);
	write_users("dora:{PLAIN}d:5000:5001::/srv/mail/dora\n");
	ask_recipient(2, "dora", "");
	expect_found(2, "dora", "maildir:/srv/mail/dora/Maildir", 0, 0);
	ask_recipient(3, "anna", "");
	expect_recipient_refused(3, ERROR_GONE);
	/* While there is no file its users are what they were. */
	assert_int_equal(unlink(users_path), 0);
	ask_recipient(4, "dora", "");
	expect_found(4, "dora", "maildir:/srv/mail/dora/Maildir", 0, 0);
}

static void
test_a_process_that_does_not_start(void **state)
{
	struct ipc_not_started answer = { .uid = 5002, .gid = 5002, .root = "/srv/mail/carl",
		.kind = ERROR_PERMANENT, .text = "uid 5002 is not allowed" };

	(void)state;
	ask_recipient(1, "carl", "anna");
	expect_start(5002, 5002, "/srv/mail/carl");
	send_message(&world.parent, IPC_NOT_STARTED, &answer, -1);
	expect_recipient_refused(1, ERROR_PERMANENT);
	ask_recipient(2, "carl", "");
	expect_start(5002, 5002, "/srv/mail/carl");
	answer.kind = ERROR_DENIED;
	send_message(&world.parent, IPC_NOT_STARTED, &answer, -1);
	expect_recipient_refused(2, ERROR_TEMPORARY);
}

/* One that has closed its channel is not named any more. */
static void
test_a_process_that_ends(void **state)
{
	(void)state;
	give_maildrop(5002, 5002, "/srv/mail/carl");
	ask_recipient(1, "carl", "");
	expect_found(1, "carl", CARL, 0, 0);
	channel_close(&world.maildrop);
	settle();
	settle();
	ask_recipient(2, "carl", "");
	expect_start(5002, 5002, "/srv/mail/carl");
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_found(2, "carl", CARL, 0, 0);
}

/*
 * lmtp may say that a process ends before auth has heard of it: then auth looks, and another is started. It does not
 * believe it: lmtp talks to strangers, and could have processes started without end.
 */
static void
test_a_process_that_is_said_to_end(void **state)
{
	uint32_t first;

	(void)state;
	give_maildrop(5002, 5002, "/srv/mail/carl");
	first = world.maildrop_number;
	ask_recipient_again(1, "carl", "", first + 1);
	expect_found(1, "carl", CARL, 0, 0);
	for (uint64_t i = 2; i < 100; i++) {
		ask_recipient_again(i, "carl", "", first);
		expect_found(i, "carl", CARL, 0, 0);
	}
	settle();
	assert_true(is_silent(&world.parent));
	assert_true(is_silent(&world.maildrop));
	/* auth hears lmtp first. */
	kill(world.pid, SIGSTOP);
	ask_recipient_again(100, "carl", "", first);
	ask_recipient_again(101, "carl", "", first);
	assert_int_equal(shutdown(world.maildrop.descriptor, SHUT_RDWR), 0);
	kill(world.pid, SIGCONT);
	expect_start(5002, 5002, "/srv/mail/carl");
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_found(100, "carl", CARL, 0, 0);
	expect_found(101, "carl", CARL, 0, 0);
	ask_recipient_again(102, "carl", "", first);
	expect_found(102, "carl", CARL, 0, 0);
	assert_true(is_silent(&world.parent));
}

/* A login and mail wait for the same process. */
static void
test_with_a_login(void **state)
{
	uint64_t session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");

	(void)state;
	expect_start(5002, 5002, "/srv/mail/carl");
	ask_recipient(1, "carl", "");
	while (!is_silent(&world.lmtp))
		continue;
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_found(1, "carl", CARL, 0, 0);
	expect_granted(session, "carl", "PASS", CARL);
	assert_true(is_silent(&world.parent));
}

/* Nobody is told what it asked, neither the one in its place nor, in vain, itself. */
static void
test_an_lmtp_process_that_ends(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		ask_recipient(i, "carl", "");
	expect_start(5002, 5002, "/srv/mail/carl");
	open_lmtp(0);
	settle();
	give_maildrop(5002, 5002, "/srv/mail/carl");
	ask_recipient(200, "nobody", "");
	expect_recipient_refused(200, ERROR_GONE);
	ask_recipient(201, "mrose", "");
	expect_start(5003, 5003, "/home/mrose");
	channel_close(&world.lmtp);
	open_lmtp(1);
	ask_recipient(300, "carl", "");
	expect_found(300, "carl", CARL, 0, 0);
	give_maildrop(5003, 5003, "/home/mrose");
	settle();
	assert_true(is_silent(&world.lmtp));
	assert_false(log_has("answer-lost"));
	ask_recipient(301, "mrose", "");
	expect_found(301, "mrose", "maildir:/home/mrose/Maildir", 0, 0);
}

/* More than may wait: those beyond are told to come later, and the others are answered. */
static void
test_too_many(void **state)
{
	enum { WAITING = 2048 };
	struct ipc_message message;
	struct error error;

	(void)state;
	ask_recipient(0, "carl", "");
	expect_start(5002, 5002, "/srv/mail/carl");
	for (uint64_t i = 1; i <= WAITING; i++) {
		ask_recipient(i, "carl", "");
		while (channel_wants_write(&world.lmtp))
			assert_int_equal(channel_flush(&world.lmtp, &error), 0);
	}
	expect_recipient_refused(WAITING, ERROR_TEMPORARY);
	assert_true(log_has("reason=\"too many recipients at once\""));
	give_maildrop(5002, 5002, "/srv/mail/carl");
	for (uint64_t i = 0; i < WAITING; i++) {
		expect(&world.lmtp, IPC_RECIPIENT_FOUND, &message);
		assert_int_equal(message.body.recipient_found.delivery, i);
	}
	ask_recipient(WAITING + 1, "carl", "");
	expect_found(WAITING + 1, "carl", CARL, 0, 0);
}

static void
test_counts(void **state)
{
	const struct ipc_report report = { .ticket = 7, .kind = IPC_REPORT_COUNTS };
	struct ipc_message message;
	struct error error;
	unsigned seen = 0;

	(void)state;
	give_maildrop(5000, 5001, "/srv/mail");
	ask_recipient(1, "anna", "");
	expect_found(1, "anna", ANNA, 0, 0);
	ask_recipient(2, "nobody", "");
	expect_recipient_refused(2, ERROR_GONE);
	send_message(&world.parent, IPC_REPORT, &report, -1);
	do {
		while (channel_receive(&world.parent, &message, &error) == 0)
			continue;
		if (message.type == IPC_ROW && strcmp(message.body.row.name, "recipients") == 0)
			seen += message.body.row.number == 2;
		if (message.type == IPC_ROW && strcmp(message.body.row.name, "recipients-refused") == 0)
			seen += message.body.row.number == 1;
	} while (message.type != IPC_REPORT_END);
	assert_int_equal(seen, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end_world)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found),
		TEST(test_who),
		TEST(test_quota),
		TEST(test_a_changed_file),
		TEST(test_a_process_that_does_not_start),
		TEST(test_a_process_that_ends),
		TEST(test_a_process_that_is_said_to_end),
		TEST(test_with_a_login),
		TEST(test_an_lmtp_process_that_ends),
		TEST(test_too_many),
		TEST(test_counts),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: recipients_test restante-auth\n");
		return 2;
	}
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
