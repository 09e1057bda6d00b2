/* The whole of restante-auth, as the other processes see it. The argument is its path. */

#include "auth/auth_fake.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_a_login_goes_round(void **state)
{
	uint64_t session = ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "secret");

	(void)state;
	expect_start(5000, 5001, "/srv/mail");
	assert_true(is_silent(&world.login));
	give_maildrop(5000, 5001, "/srv/mail");
	expect_granted(session, "anna", "PASS", "maildir:/srv/mail/anna/Maildir");

	/* The process runs now: anna again, and another of the same uid. */
	session = ask("192.0.2.1:2", IPC_CHECK_PASS, "anna", "secret");
	expect_granted(session, "anna", "PASS", "maildir:/srv/mail/anna/Maildir");
	session = ask("192.0.2.1:3", IPC_CHECK_PASS, "bert", "secret");
	expect_granted(session, "bert", "PASS", "maildir:/srv/mail/bert/Maildir");
	assert_true(is_silent(&world.parent));
}

static void
test_logins_that_wait_for_the_same_process(void **state)
{
	uint64_t first = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");
	uint64_t second = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");

	(void)state;
	expect_start(5002, 5002, "/srv/mail/carl");
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_granted(first, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");
	expect_granted(second, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");
	assert_true(is_silent(&world.parent));
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *peer;
		enum ipc_check_method method;
		const char *user, *password;
		enum error_kind kind;
		const char *line;	/* in the log */
	} cases[] = {
		{ "192.0.2.1:1", IPC_CHECK_PASS, "anna", "Secret", ERROR_DENIED,
		    "user=anna peer=192.0.2.1:1 method=PASS reason=password" },
		{ "192.0.2.2:1", IPC_CHECK_PASS, "anna", "", ERROR_DENIED,
		    "user=anna peer=192.0.2.2:1 method=PASS reason=password" },
		{ "[2001:db8::1]:1", IPC_CHECK_PASS, "nobody", "secret", ERROR_DENIED,
		    "user=nobody peer=[2001:db8::1]:1 method=PASS reason=unknown-user" },
		{ "192.0.2.3:1", IPC_CHECK_PASS, "", "", ERROR_DENIED,
		    "user=\"\" peer=192.0.2.3:1 method=PASS reason=unknown-user" },
		{ "192.0.2.4:1", IPC_CHECK_PASS, "carl", "wrong", ERROR_DENIED,
		    "user=carl peer=192.0.2.4:1 method=PASS reason=password" },
		{ "192.0.2.5:1", IPC_CHECK_APOP, "mrose", "c4c9334bac560ecc979e58001b3e22fc",
		    ERROR_DENIED, "user=mrose peer=192.0.2.5:1 method=APOP reason=password" },
		{ "192.0.2.6:1", IPC_CHECK_APOP, "mrose", "tanstaaf", ERROR_DENIED,
		    "user=mrose peer=192.0.2.6:1 method=APOP reason=password" },
		{ "192.0.2.7:1", IPC_CHECK_APOP, "anna", "c4c9334bac560ecc979e58001b3e22fb",
		    ERROR_DENIED, "user=anna peer=192.0.2.7:1 method=APOP reason=no-plain-password" },
		{ "192.0.2.8:1", IPC_CHECK_APOP, "nobody", "c4c9334bac560ecc979e58001b3e22fb",
		    ERROR_DENIED, "user=nobody peer=192.0.2.8:1 method=APOP reason=unknown-user" },
		{ "192.0.2.9:1", IPC_CHECK_PASS, "../etc", "secret", ERROR_PERMANENT,
		    "not-served session=10000000a user=../etc" },
		{ "192.0.2.11:1", IPC_CHECK_PASS, "homeless", "secret", ERROR_PERMANENT,
		    "reason=\"mail_place maildir:%h/Maildir: the user has no home\"" },
		{ "192.0.2.10:1", IPC_CHECK_PASS, "broken line", "secret", ERROR_DENIED,
		    "user=\"broken line\" peer=192.0.2.10:1 method=PASS reason=unknown-user" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].line);
		expect_refused(ask(cases[i].peer, cases[i].method, cases[i].user, cases[i].password),
		    cases[i].kind);
		assert_true(log_has(cases[i].line));
	}
	assert_true(log_has("refused session=100000001 user=anna peer=192.0.2.1:1 "));
	assert_true(log_has("users-line-skipped file="));
	assert_true(is_silent(&world.parent));
}

static void
test_apop(void **state)
{
	uint64_t session =
	    ask("192.0.2.1:1", IPC_CHECK_APOP, "mrose", "c4c9334bac560ecc979e58001b3e22fb");

	(void)state;
	expect_start(5003, 5003, "/home/mrose");
	give_maildrop(5003, 5003, "/home/mrose");
	expect_granted(session, "mrose", "APOP", "maildir:/home/mrose/Maildir");

	world.config.apop = 0;
	send_settings();
	settle();
	session = ask("192.0.2.1:1", IPC_CHECK_APOP, "mrose", "c4c9334bac560ecc979e58001b3e22fb");
	expect_refused(session, ERROR_PROTOCOL);
}

#define MESSAGE(text) { (text), sizeof(text) - 1 }
#define NONE          { NULL, 0 }

struct talk {
	const char *name, *mechanism;
	struct {
		const char *text;
		size_t size;
	} client[3];
	const char *challenges[3];
	const char *method;	/* NULL: refused */
	enum error_kind kind;
};

static void
hold_talk(const struct talk *talk, unsigned number)
{
	struct ipc_sasl_start start = { .session = 0x200000000 + number };
	struct ipc_sasl_data step = { .session = start.session };
	struct ipc_message message;

	print_message("%s\n", talk->name);
	snprintf(start.client.peer, sizeof(start.client.peer), "198.51.100.%u:1", number);
	snprintf(start.mechanism, sizeof(start.mechanism), "%s", talk->mechanism);
	start.initial = talk->client[0].text != NULL;
	start.size = (uint32_t)talk->client[0].size;
	if (start.initial)
		memcpy(start.data, talk->client[0].text, start.size);
	send_message(&world.login, IPC_SASL_START, &start, -1);
	for (unsigned i = 0; talk->challenges[i] != NULL; i++) {
		expect(&world.login, IPC_SASL_CHALLENGE, &message);
		assert_int_equal(message.body.sasl_data.session, start.session);
		assert_int_equal(message.body.sasl_data.size, strlen(talk->challenges[i]));
		assert_memory_equal(message.body.sasl_data.data, talk->challenges[i],
		    strlen(talk->challenges[i]));
		step.size = (uint32_t)talk->client[i + 1].size;
		memcpy(step.data, talk->client[i + 1].text, step.size);
		send_message(&world.login, IPC_SASL_STEP, &step, -1);
	}
	if (talk->method != NULL)
		expect_granted(start.session, "carl", talk->method, "maildir:/srv/mail/carl/Maildir");
	else
		expect_refused(start.session, talk->kind);
}

static void
test_sasl(void **state)
{
	static const struct talk talks[] = {
		{ "PLAIN", "PLAIN", { MESSAGE("\0carl\0secret") }, { NULL }, "PLAIN", 0 },
		{ "plain", "plain", { MESSAGE("\0carl\0secret") }, { NULL }, "PLAIN", 0 },
		{ "PLAIN, asked for", "PLAIN", { NONE, MESSAGE("\0carl\0secret") }, { "" }, "PLAIN", 0 },
		{ "PLAIN as oneself", "PLAIN", { MESSAGE("carl\0carl\0secret") }, { NULL }, "PLAIN", 0 },
		{ "PLAIN as another", "PLAIN", { MESSAGE("bert\0carl\0secret") }, { NULL }, NULL,
		    ERROR_DENIED },
		{ "PLAIN, wrong", "PLAIN", { MESSAGE("\0carl\0sekret") }, { NULL }, NULL, ERROR_DENIED },
		{ "PLAIN, broken", "PLAIN", { MESSAGE("carl") }, { NULL }, NULL, ERROR_PROTOCOL },
		{ "LOGIN", "LOGIN", { NONE, MESSAGE("carl"), MESSAGE("secret") },
		    { "Username:", "Password:" }, "LOGIN", 0 },
		{ "LOGIN with the name", "LOGIN", { MESSAGE("carl"), MESSAGE("secret") },
		    { "Password:" }, "LOGIN", 0 },
		{ "LOGIN, wrong", "LOGIN", { MESSAGE("carl"), MESSAGE("sekret") }, { "Password:" }, NULL,
		    ERROR_DENIED },
		{ "unknown", "GSSAPI", { NONE }, { NULL }, NULL, ERROR_PROTOCOL },
		{ "nothing", "", { NONE }, { NULL }, NULL, ERROR_PROTOCOL },
	};
	(void)state;
	give_maildrop(5002, 5002, "/srv/mail/carl");
	settle();
	for (unsigned i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		hold_talk(&talks[i], i);
	assert_true(log_has("user=carl peer=198.51.100.4:1 method=PLAIN reason=sasl-authorization"));
	assert_true(log_has("peer=198.51.100.6:1 method=PLAIN reason=sasl-broken"));
}

static void
test_a_forgotten_talk(void **state)
{
	struct ipc_sasl_start start = { .session = 5, .mechanism = "LOGIN" };
	struct ipc_sasl_data step = { .session = 5, .size = 4, .data = "carl" };
	const struct ipc_forget forget = { .session = 5 };
	struct ipc_message message;

	(void)state;
	send_message(&world.login, IPC_SASL_START, &start, -1);
	expect(&world.login, IPC_SASL_CHALLENGE, &message);
	send_message(&world.login, IPC_FORGET, &forget, -1);
	send_message(&world.login, IPC_SASL_STEP, &step, -1);
	/* Answered in order: the step was not. */
	expect_refused(ask("192.0.2.1:1", IPC_CHECK_PASS, "nobody", "x"), ERROR_DENIED);
	send_message(&world.login, IPC_SASL_START, &start, -1);
	expect(&world.login, IPC_SASL_CHALLENGE, &message);
	assert_memory_equal(message.body.sasl_data.data, "Username:", 9);
}

/* A FORGET may get lost: whoever asks again is answered all the same, and only once. */
static void
test_a_session_that_asks_again(void **state)
{
	struct ipc_sasl_start start = { .session = 5, .mechanism = "LOGIN" };
	struct ipc_check check = { .session = 5, .method = IPC_CHECK_PASS };
	struct ipc_message message;
	uint64_t session;

	(void)state;
	snprintf(check.client.peer, sizeof(check.client.peer), "192.0.2.1:1");
	snprintf(check.user, sizeof(check.user), "nobody");
	send_message(&world.login, IPC_SASL_START, &start, -1);
	expect(&world.login, IPC_SASL_CHALLENGE, &message);
	send_message(&world.login, IPC_SASL_START, &start, -1);
	expect(&world.login, IPC_SASL_CHALLENGE, &message);
	send_message(&world.login, IPC_CHECK, &check, -1);
	expect_refused(5, ERROR_DENIED);
	/* Also while a thread has the first in hand, or while its maildrop is being started. */
	for (unsigned i = 0; i < 2; i++) {
		session = ask("192.0.2.2:1", IPC_CHECK_PASS, i == 0 ? "anna" : "carl", "secret");
		check.session = session;
		send_message(&world.login, IPC_CHECK, &check, -1);
		expect_refused(session, ERROR_DENIED);
	}
	assert_true(log_has("check-twice session=5"));
}

static void
test_guessing_is_stopped(void **state)
{
	uint64_t session;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		expect_refused(ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "guess"), ERROR_DENIED);
	/* Now not even the right one, from there. */
	expect_refused(ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret"), ERROR_DENIED);
	assert_true(log_has("user=carl peer=192.0.2.1:1 method=PASS reason=throttled"));
	expect_refused(ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "secret"), ERROR_DENIED);
	/* Elsewhere nobody notices, not even the one whose password was guessed at. */
	session = ask("192.0.2.2:1", IPC_CHECK_PASS, "carl", "secret");
	expect_start(5002, 5002, "/srv/mail/carl");
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_granted(session, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");
}

/* Guesses that are all in flight at once, each of which costs a hash. */
static void
test_parallel_guessing_is_stopped(void **state)
{
	char guess[32];
	struct ipc_message message;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(guess, sizeof(guess), "guess%u", i);
		ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", i == 60 ? "secret" : guess);
	}
	for (unsigned i = 0; i < 100; i++)
		expect(&world.login, IPC_REFUSED, &message);
	assert_true(log_has("reason=throttled"));
	assert_true(is_silent(&world.parent));
}

/* Many at once from one address, all of them right: none is refused. */
static void
test_a_crowd_is_served(void **state)
{
	struct ipc_message message;

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		ask("192.0.2.1:1", IPC_CHECK_PASS, i % 2 == 0 ? "anna" : "bert", "secret");
	expect_start(5000, 5001, "/srv/mail");
	give_maildrop(5000, 5001, "/srv/mail");
	for (unsigned i = 0; i < 50; i++) {
		expect(&world.login, IPC_GRANTED, &message);
		expect(&world.maildrop, IPC_OPEN, &message);
	}
}

static void
test_a_changed_file_is_noticed(void **state)
{
	uint64_t session = ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "secret");

	(void)state;
	expect_start(5000, 5001, "/srv/mail");
	give_maildrop(5000, 5001, "/srv/mail");
	expect_granted(session, "anna", "PASS", "maildir:/srv/mail/anna/Maildir");

	/* What was remembered of the old file no longer holds. */
	write_users("anna:{PLAIN}other:5000:5001::/srv/mail/anna\n");
	expect_refused(ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "secret"), ERROR_DENIED);
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "other");
	expect_granted(session, "anna", "PASS", "maildir:/srv/mail/anna/Maildir");
	expect_refused(ask("192.0.2.1:1", IPC_CHECK_PASS, "bert", "secret"), ERROR_DENIED);

	/* A file that is gone leaves the users that were read. */
	assert_int_equal(unlink(users_path), 0);
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "other");
	expect_granted(session, "anna", "PASS", "maildir:/srv/mail/anna/Maildir");
	assert_true(log_has("users-file-unreadable"));
}

static void
test_a_maildrop_process_that_cannot_be_started(void **state)
{
	struct ipc_not_started answer = { .uid = 5002, .gid = 5002, .root = "/srv/mail/carl",
		.kind = ERROR_PERMANENT, .text = "uid 5002 is not allowed" };
	uint64_t session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");

	(void)state;
	expect_start(5002, 5002, "/srv/mail/carl");
	send_message(&world.parent, IPC_NOT_STARTED, &answer, -1);
	expect_refused(session, ERROR_PERMANENT);
	assert_true(log_has("uid 5002 is not allowed"));

	/* It is asked for again the next time. */
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");
	expect_start(5002, 5002, "/srv/mail/carl");
	answer.kind = ERROR_TEMPORARY;
	send_message(&world.parent, IPC_NOT_STARTED, &answer, -1);
	expect_refused(session, ERROR_TEMPORARY);
}

static void
test_a_maildrop_process_that_ends(void **state)
{
	uint64_t session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");

	(void)state;
	expect_start(5002, 5002, "/srv/mail/carl");
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_granted(session, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");

	/* Idle, it reads no more. */
	assert_int_equal(shutdown(world.maildrop.descriptor, SHUT_RD), 0);
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");
	expect_start(5002, 5002, "/srv/mail/carl");
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_granted(session, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");

	/* Dead. */
	channel_close(&world.maildrop);
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");
	expect_start(5002, 5002, "/srv/mail/carl");
	give_maildrop(5002, 5002, "/srv/mail/carl");
	expect_granted(session, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");
}

static void
test_each_uid_and_root_has_its_process(void **state)
{
	uint64_t session;

	(void)state;
	snprintf(world.config.mail_place, sizeof(world.config.mail_place), "maildir:/srv/mail/%%n");
	send_settings();
	settle();
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "homeless", "secret");
	expect_start(5005, 5001, "/srv/mail");
	give_maildrop(5005, 5001, "/srv/mail");
	expect_granted(session, "homeless", "PASS", "maildir:/srv/mail/homeless");
	/* The same directory, but not the same uid. */
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "secret");
	expect_start(5000, 5001, "/srv/mail");
	give_maildrop(5000, 5001, "/srv/mail");
	expect_granted(session, "anna", "PASS", "maildir:/srv/mail/anna");
	/* The same uid, but not in that directory. */
	snprintf(world.config.mail_place, sizeof(world.config.mail_place), "maildir:/srv/mailbox/%%n");
	send_settings();
	settle();
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "anna", "secret");
	expect_start(5000, 5001, "/srv/mailbox");
	give_maildrop(5000, 5001, "/srv/mailbox");
	expect_granted(session, "anna", "PASS", "maildir:/srv/mailbox/anna");
}

/* A process that runs since before auth did: parent says so unasked. */
static void
test_a_maildrop_process_that_runs_already(void **state)
{
	uint64_t session;

	(void)state;
	give_maildrop(5002, 5002, "/srv/mail/carl");
	settle();
	session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");
	expect_granted(session, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");
	assert_true(is_silent(&world.parent));
}

static void
test_a_login_process_is_replaced(void **state)
{
	struct ipc_channel old = world.login;
	struct ipc_message message;
	struct error error;
	uint64_t session = ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret");
	struct pollfd closed = { .fd = old.descriptor, .events = POLLIN };

	(void)state;
	expect_start(5002, 5002, "/srv/mail/carl");
	open_login(&world.login, LOGIN_SLOT);
	poll(&closed, 1, -1);
	assert_int_equal(channel_receive(&old, &message, &error), -1);
	channel_close(&old);
	/* Nobody waits for the maildrop any more. */
	give_maildrop(5002, 5002, "/srv/mail/carl");
	world.session = 0;
	assert_int_equal(ask("192.0.2.1:1", IPC_CHECK_PASS, "carl", "secret"), session);
	expect_granted(session, "carl", "PASS", "maildir:/srv/mail/carl/Maildir");
	assert_true(is_silent(&world.maildrop));
}

static void
test_a_report(void **state)
{
	const struct ipc_report report = { .ticket = 77, .kind = IPC_REPORT_COUNTS };
	struct ipc_message message;
	unsigned seen = 0;

	(void)state;
	expect_refused(ask("192.0.2.1:1", IPC_CHECK_PASS, "nobody", "x"), ERROR_DENIED);
	send_message(&world.parent, IPC_REPORT, &report, -1);
	for (unsigned rows = 0;; rows++) {
		struct pollfd ready = { .fd = world.parent.descriptor, .events = POLLIN };
		struct error error;

		poll(&ready, 1, -1);
		assert_int_equal(channel_receive(&world.parent, &message, &error), 1);
		assert_int_equal(message.body.row.ticket, 77);
		if (message.type == IPC_REPORT_END) {
			assert_int_equal(message.body.report_end.number, rows);
			break;
		}
		assert_int_equal(message.type, IPC_ROW);
		if (strcmp(message.body.row.name, "users") == 0)
			seen += message.body.row.number == 7;
		if (strcmp(message.body.row.name, "refused") == 0)
			seen += message.body.row.number == 1;
	}
	assert_int_equal(seen, 2);
}

static void
test_the_end_of_the_parent(void **state)
{
	int status;

	(void)state;
	channel_close(&world.parent);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	assert_int_equal(status, 0);
	/* For end_world(). */
	assert_int_equal(start_world(NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_world, end_world)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_login_goes_round),
		TEST(test_logins_that_wait_for_the_same_process),
		TEST(test_refusals),
		TEST(test_apop),
		TEST(test_sasl),
		TEST(test_a_forgotten_talk),
		TEST(test_a_session_that_asks_again),
		TEST(test_guessing_is_stopped),
		TEST(test_parallel_guessing_is_stopped),
		TEST(test_a_crowd_is_served),
		TEST(test_a_changed_file_is_noticed),
		TEST(test_a_maildrop_process_that_cannot_be_started),
		TEST(test_a_maildrop_process_that_ends),
		TEST(test_each_uid_and_root_has_its_process),
		TEST(test_a_maildrop_process_that_runs_already),
		TEST(test_a_login_process_is_replaced),
		TEST(test_a_report),
		TEST(test_the_end_of_the_parent),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: auth_test restante-auth\n");
		return 2;
	}
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
