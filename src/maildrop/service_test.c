/*
 * The real restante-maildrop, with the test in the place of parent, auth, login and client: who is
 * served, who is kept out, and that nothing but QUIT ever deletes anything.
 */

#include "maildrop/fake_ring.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGE_LINES  60000
#define SMALL_WINDOW 8192

#define HELLO "+OK 2 messages (6 octets)\r\n"
#define MARK  "+OK message 1 deleted\r\n"

static void
test_clear_text_with_early_octets(void **state)
{
	struct talker anna = log_in("anna", true, 1, "STAT\r\nDEL");

	(void)state;
	hear(&anna, HELLO "+OK 2 6\r\n");
	say(&anna, "E 1\r\nQUIT\r\n");
	hear(&anna, MARK "+OK goodbye (1 messages left)\r\n");
	hear_the_end(&anna);
	assert_false(file_exists("anna", "1.a"));
	assert_true(file_exists("anna", "2.b"));
	close(anna.socket);
}

static void
test_pumped(void **state)
{
	struct talker anna = log_in("anna", false, 1, "");

	(void)state;
	hear(&anna, HELLO);
	say(&anna, "RETR 1\r\nQUIT\r\n");
	hear(&anna, "+OK 3 octets\r\na\r\n.\r\n+OK goodbye (2 messages left)\r\n");
	hear_the_end(&anna);
	close(anna.socket);
}

static void
test_one_session_per_maildrop(void **state)
{
	struct talker first = log_in("anna", true, 1, ""), second, third, other;

	(void)state;
	hear(&first, HELLO);
	second = log_in("anna", true, 2, "STAT\r\n");
	hear(&second, "-ERR [IN-USE] the maildrop is open in another session\r\n");
	hear_the_end(&second);
	other = log_in("bert", true, 3, "");
	hear(&other, HELLO);
	say(&first, "QUIT\r\n");
	hear(&first, "+OK goodbye (2 messages left)\r\n");
	third = log_in("anna", true, 4, "");
	hear(&third, HELLO);
	close(first.socket);
	close(second.socket);
	close(third.socket);
	close(other.socket);
}

/* The client goes, or login does (a pumped stream ends): no UPDATE. */
static void
test_a_lost_connection_deletes_nothing(void **state)
{
	(void)state;
	for (int clear = 0; clear <= 1; clear++) {
		struct talker anna = log_in("anna", clear, 1, ""), again;

		hear(&anna, HELLO);
		say(&anna, "DELE 1\r\n");
		hear(&anna, MARK);
		say(&anna, "QUI");
		close(anna.socket);
		do {
			char answer[8] = "";

			again = log_in("anna", true, 2, "");
			assert_int_equal(recv(again.socket, answer, 4, MSG_WAITALL), 4);
			if (strcmp(answer, "+OK ") == 0)
				break;
			close(again.socket);
		} while (true);
		assert_true(file_exists("anna", "1.a"));
		say(&again, "QUIT\r\n");
		hear(&again, "2 messages (6 octets)\r\n+OK goodbye (2 messages left)\r\n");
		close(again.socket);
	}
}

static void
test_a_killed_process_deletes_nothing(void **state)
{
	struct talker anna = log_in("anna", true, 1, "");

	(void)state;
	hear(&anna, HELLO);
	say(&anna, "DELE 1\r\nDELE 2\r\nNOOP\r\n");
	hear(&anna, MARK "+OK message 2 deleted\r\n+OK still here\r\n");
	kill(t.process, SIGKILL);
	process_wait();
	hear_the_end(&anna);
	assert_true(file_exists("anna", "1.a") && file_exists("anna", "2.b"));
	close(anna.socket);
}

static void
test_reports_and_kicks(void **state)
{
	struct talker anna = log_in("anna", true, 17, ""), bert = log_in("bert", true, 18, "");
	struct ipc_report report = { .ticket = 5, .kind = IPC_REPORT_SESSIONS };
	struct ipc_kick kick = { .ticket = 6 };
	struct ipc_message message;
	struct error error;
	int rows = 0;

	(void)state;
	hear(&anna, HELLO);
	hear(&bert, HELLO);
	say(&anna, "DELE 1\r\n");
	hear(&anna, MARK);
	assert_int_equal(channel_send(&t.control, IPC_REPORT, &report, -1, &error), 0);
	while ((message = control_receive()).type == IPC_ROW) {
		const struct ipc_row *row = &message.body.row;

		assert_int_equal(row->ticket, 5);
		assert_string_equal(row->peer, "192.0.2.1:4711");
		assert_string_equal(row->name, row->session == 17 ? "anna" : "bert");
		assert_int_equal(row->deleted, row->session == 17 ? 1 : 0);
		rows++;
	}
	assert_int_equal(message.type, IPC_REPORT_END);
	assert_int_equal(rows, 2);
	strcpy(kick.user, "anna");
	assert_int_equal(channel_send(&t.control, IPC_KICK, &kick, -1, &error), 0);
	message = control_receive();
	assert_int_equal(message.type, IPC_REPORT_END);
	assert_int_equal(message.body.report_end.number, 1);
	hear_the_end(&anna);
	assert_true(file_exists("anna", "1.a"));
	say(&bert, "NOOP\r\n");
	hear(&bert, "+OK still here\r\n");
	close(anna.socket);
	close(bert.socket);
}

static void
channel_empty(struct ipc_channel *channel)
{
	struct pollfd poll_descriptor = { .fd = channel->descriptor, .events = POLLOUT };
	struct error error;

	while (channel_wants_write(channel)) {
		poll(&poll_descriptor, 1, -1);
		assert_int_equal(channel_flush(channel, &error), 0);
	}
}

static uint64_t
sessions_count(void)
{
	struct ipc_report report = { .ticket = 4, .kind = IPC_REPORT_COUNTS };
	struct ipc_message row;
	struct error error;

	assert_int_equal(channel_send(&t.control, IPC_REPORT, &report, -1, &error), 0);
	row = control_receive();
	assert_string_equal(row.body.row.name, "sessions");
	assert_string_equal(control_receive().body.row.name, "deliveries");
	assert_int_equal(control_receive().type, IPC_REPORT_END);
	return row.body.row.number;
}

/*
 * More rows than a channel keeps: all of them arrive, and the end; and nobody's session has to wait
 * until the parent takes them.
 */
static void
test_a_long_report(void **state)
{
	enum { SESSIONS = 16000 };
	struct ipc_report report = { .ticket = 5, .kind = IPC_REPORT_SESSIONS };
	struct rlimit before, many;
	uint64_t session;
	struct talker bert;
	struct error error;
	static int clients[SESSIONS];
	int pair[2];

	(void)state;
	teardown(NULL);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	if (before.rlim_max < SESSIONS + 100)
		skip();
	many = (struct rlimit){ SESSIONS + 100, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &many), 0);
	setup(NULL);
	/* A maildrop that nobody has made is locked by none. */
	for (session = 1; session <= SESSIONS; session++) {
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
		auth_opens("nobody", session);
		login_hands_over(session, pair[1], true, "");
		clients[session - 1] = pair[0];
		channel_empty(&t.auth);
		channel_empty(&t.door);
	}
	bert = log_in("bert", true, session, "");
	hear(&bert, HELLO);
	while (sessions_count() <= SESSIONS)
		usleep(10000);
	assert_int_equal(channel_send(&t.control, IPC_REPORT, &report, -1, &error), 0);
	say(&bert, "NOOP\r\n");
	hear(&bert, "+OK still here\r\n");
	for (int i = 0; i <= SESSIONS; i++)
		assert_int_equal(control_receive().type, IPC_ROW);
	assert_int_equal(control_receive().type, IPC_REPORT_END);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < SESSIONS; i++)
		close(clients[i]);
	close(bert.socket);
}

static void
test_stop_ends_without_update(void **state)
{
	struct talker anna = log_in("anna", true, 1, "");
	struct ipc_stop stop = { .grace_seconds = 5 };
	struct error error;

	(void)state;
	hear(&anna, HELLO);
	say(&anna, "DELE 1\r\n");
	hear(&anna, MARK);
	assert_int_equal(channel_send(&t.control, IPC_STOP, &stop, -1, &error), 0);
	hear_the_end(&anna);
	assert_int_equal(process_wait(), 0);
	assert_true(file_exists("anna", "1.a"));
	close(anna.socket);
}

static void
test_without_a_parent_it_leaves(void **state)
{
	(void)state;
	channel_close(&t.control);
	assert_int_equal(process_wait(), 0);
}

static void
test_auth_may_die_and_come_back(void **state)
{
	struct talker anna = log_in("anna", true, 1, ""), bert;

	(void)state;
	hear(&anna, HELLO);
	auth_connect();
	say(&anna, "NOOP\r\n");
	hear(&anna, "+OK still here\r\n");
	bert = log_in("bert", true, 2, "");
	hear(&bert, HELLO);
	close(anna.socket);
	close(bert.socket);
}

/* There is one thread; anna takes nothing of a large message, and bert does not notice. */
static void
test_a_client_that_does_not_read_holds_up_nobody(void **state)
{
	struct talker anna, bert;

	(void)state;
	file_put("anna", "3.large", "sixty-nine octets and a line end make seventy octets of a message...\n",
	    LARGE_LINES);
	anna = log_in("anna", true, 1, "RETR 3\r\nRETR 3\r\n");
	for (int i = 0; i < 3; i++) {
		bert = log_in("bert", true, 2, "");
		hear(&bert, HELLO);
		say(&bert, "QUIT\r\n");
		hear(&bert, "+OK goodbye (2 messages left)\r\n");
		close(bert.socket);
	}
	close(anna.socket);
}

/* Logs in again until it is not refused; how often it was. */
static int
log_in_stubbornly(struct talker *talker)
{
	int refused_count = 0;

	for (;; refused_count++) {
		char answer[8] = "";

		*talker = log_in("anna", true, 100, "");
		assert_int_equal(recv(talker->socket, answer, 4, MSG_WAITALL), 4);
		if (strcmp(answer, "+OK ") == 0)
			return refused_count;
		hear(talker, " [IN-USE] the maildrop is open in another session\r\n");
		close(talker->socket);
		usleep(50000);
	}
}

/* All of the session, QUIT too, has arrived, but nobody is there to take the answers. */
static void
test_update_needs_somebody_who_listens(void **state)
{
	struct talker again;
	int client[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(fcntl(client[1], F_SETFL, O_NONBLOCK), 0);
	login_hands_over(1, client[1], false, "RETR 1\r\nDELE 1\r\nQUIT\r\n");
	close(client[0]);
	auth_opens("anna", 1);
	log_in_stubbornly(&again);
	hear(&again, "2 messages (6 octets)\r\n");
	assert_true(file_exists("anna", "1.a"));
	close(again.socket);
}

/* The session is over while much is still on its way, and the client says more: nothing is cut. */
static void
test_the_last_answer_arrives_whole(void **state)
{
	static const char end[] = ".\r\n+OK message 1 deleted\r\n+OK goodbye (2 messages left)\r\n";
	struct talker anna;
	char text[65536], tail[sizeof(end)] = "";
	size_t used = 0, total = 0;
	int client[2];
	ssize_t n;

	(void)state;
	file_put("anna", "3.large", "sixty-nine octets and a line end make seventy octets of a message...\n",
	    12000);
	tcp_pair(client, SMALL_WINDOW);
	auth_opens("anna", 1);
	login_hands_over(1, client[1], false, "RETR 3\r\nDELE 1\r\nQUIT\r\n");
	anna = (struct talker){ .socket = client[0] };
	while (file_exists("anna", "1.a")) {
		n = recv(anna.socket, text, 512, MSG_DONTWAIT);
		total += n > 0 ? (size_t)n : 0;
		usleep(200);
	}
	usleep(100000);
	say(&anna, "NOOP\r\n");
	while ((n = read(anna.socket, text, sizeof(text))) > 0) {
		total += (size_t)n;
		used = (size_t)n < sizeof(tail) - 1 ? (size_t)n : sizeof(tail) - 1;
		memmove(tail, tail + used, sizeof(tail) - 1 - used);
		memcpy(tail + sizeof(tail) - 1 - used, text + n - used, used);
	}
	assert_int_equal(n, 0);
	assert_string_equal(tail, end);
	assert_true(total > 12000 * 70);
	close(anna.socket);
}

static void
restart_with(void (*change)(struct config *))
{
	kill(t.process, SIGKILL);
	process_wait();
	channel_close(&t.control);
	channel_close(&t.auth);
	channel_close(&t.door);
	change(&t.config);
	process_start();
}

static void
impatient(struct config *config)
{
	config->idle_timeout_seconds = 1;	/* no file could say so: config_read() wants 600 */
	config->write_timeout_seconds = 1;
}

/* Login's word alone opens nothing; nor does another login's, or a second one about the same session. */
static void
test_only_who_is_expected_comes_in(void **state)
{
	struct ipc_open elsewhere = { .session = 1, .slot = LOGIN_SLOT + 1, .user = "anna", .peer = "-" };
	struct talker anna, bert;
	struct error error;
	int stranger[2], again[2];

	(void)state;
	snprintf(elsewhere.place, sizeof(elsewhere.place), "maildir:%s/anna", root);
	assert_int_equal(channel_send(&t.auth, IPC_OPEN, &elsewhere, -1, &error), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stranger), 0);
	assert_int_equal(fcntl(stranger[1], F_SETFL, O_NONBLOCK), 0);
	login_hands_over(1, stranger[1], false, "STAT\r\n");
	anna = log_in("anna", true, 2, "");
	hear(&anna, HELLO);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, again), 0);
	assert_int_equal(fcntl(again[1], F_SETFL, O_NONBLOCK), 0);
	login_hands_over(2, again[1], false, "STAT\r\n");
	bert = log_in("bert", false, 3, "");
	hear(&bert, HELLO);
	assert_int_equal(poll(&(struct pollfd){ .fd = stranger[0], .events = POLLIN }, 1, 0), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = again[0], .events = POLLIN }, 1, 0), 0);
	close(stranger[0]);
	close(again[0]);
	close(anna.socket);
	close(bert.socket);
}

/* What auth said can be slower than the client of whom it speaks, with and without early octets. */
static void
test_a_client_that_comes_early_is_served(void **state)
{
	struct talker anna;
	struct error error;
	int ends[2];

	(void)state;
	for (int pumped = 0; pumped <= 1; pumped++) {
		if (pumped)
			assert_int_equal(pair_make(ends, &error), 0);
		else
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
		login_hands_over(1, ends[1], pumped, pumped ? "" : "STAT\r\n");
		/* One thread takes what comes in order: the client was looked at before the report. */
		assert_int_equal(sessions_count(), 0);
		auth_opens("anna", 1);
		patience(ends[0]);
		anna = (struct talker){ .socket = ends[0], .session = pumped ? 1 : 0 };
		hear(&anna, pumped ? HELLO : HELLO "+OK 2 6\r\n");
		say(&anna, "QUIT\r\n");
		hear(&anna, "+OK goodbye (2 messages left)\r\n");
		hear_the_end(&anna);
		close(ends[0]);
	}
}

/* A socket that could hold a thread for as long as login likes. */
static void
test_a_blocking_socket_is_refused(void **state)
{
	struct talker talker;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	auth_opens("anna", 1);
	login_hands_over(1, ends[1], false, "");
	patience(ends[0]);
	talker = (struct talker){ .socket = ends[0] };
	hear_the_end(&talker);
	close(ends[0]);
}

/* Login dies and comes back: who was handed over in clear text stays, and others come in. */
static void
test_login_may_die_and_come_back(void **state)
{
	struct talker anna = log_in("anna", true, 1, ""), bert;

	(void)state;
	hear(&anna, HELLO);
	login_connect();
	bert = log_in("bert", true, 2, "");
	hear(&bert, HELLO);
	say(&anna, "NOOP\r\n");
	hear(&anna, "+OK still here\r\n");
	close(anna.socket);
	close(bert.socket);
}

static void
test_silence_ends_without_reply_and_without_update(void **state)
{
	struct talker anna;

	(void)state;
	restart_with(impatient);
	anna = log_in("anna", true, 1, "");
	hear(&anna, HELLO);
	say(&anna, "DELE 1\r\n");
	hear(&anna, MARK);
	hear_the_end(&anna);
	assert_true(file_exists("anna", "1.a"));
	close(anna.socket);
}

static void
takes_over_silent(struct config *config)
{
	config->takeover = CONFIG_TAKEOVER_SILENT;
	config->takeover_silent_seconds = 2;
}

static void
takes_over_never(struct config *config)
{
	config->takeover = CONFIG_TAKEOVER_NEVER;
	config->takeover_silent_seconds = 0;
}

static void
takes_over_newest(struct config *config)
{
	config->takeover = CONFIG_TAKEOVER_NEWEST;
	config->takeover_silent_seconds = 3600;
}

static void
test_a_silent_session_gives_way(void **state)
{
	struct talker dead, newer;

	(void)state;
	restart_with(takes_over_silent);
	dead = log_in("anna", true, 1, "DELE 1\r\n");
	hear(&dead, HELLO MARK);
	assert_true(log_in_stubbornly(&newer) > 0);
	hear_the_end(&dead);
	hear(&newer, "2 messages (6 octets)\r\n");
	assert_true(file_exists("anna", "1.a"));
	close(dead.socket);
	close(newer.socket);
}

static void
test_a_session_that_takes_nothing_gives_way(void **state)
{
	struct talker dead, newer;

	(void)state;
	file_put("anna", "3.large", "sixty-nine octets and a line end make seventy octets of a message...\n",
	    LARGE_LINES);
	restart_with(takes_over_silent);
	dead = log_in("anna", true, 1, "DELE 1\r\nRETR 3\r\n");
	hear(&dead, "+OK 3 messages");
	log_in_stubbornly(&newer);
	assert_true(file_exists("anna", "1.a"));
	close(dead.socket);
	close(newer.socket);
}

/* Here the session cannot see at once that its client has gone: it is at work for it. */
static void
test_a_client_that_hung_up_is_waited_for(void **state)
{
	struct talker gone, newer;

	(void)state;
	file_put("anna", "3.large", "sixty-nine octets and a line end make seventy octets of a message...\n",
	    LARGE_LINES);
	restart_with(takes_over_never);
	gone = log_in("anna", true, 1, "DELE 1\r\nRETR 3\r\n");
	hear(&gone, "+OK 3 messages");
	shutdown(gone.socket, SHUT_WR);
	newer = log_in("anna", true, 2, "");
	/* It is not refused at once. */
	assert_int_equal(poll(&(struct pollfd){ .fd = newer.socket, .events = POLLIN }, 1, 500), 0);
	close(gone.socket);
	hear(&newer, "+OK 3 messages");
	close(newer.socket);
}

/* Nor can it hold the maildrop so, where it would have had to give way. */
static void
test_a_client_that_hung_up_and_takes_nothing_gives_way(void **state)
{
	struct talker gone, newer;

	(void)state;
	file_put("anna", "3.large", "sixty-nine octets and a line end make seventy octets of a message...\n",
	    LARGE_LINES);
	restart_with(takes_over_newest);
	gone = log_in("anna", true, 1, "DELE 1\r\nRETR 3\r\n");
	hear(&gone, "+OK 3 messages");
	shutdown(gone.socket, SHUT_WR);
	newer = log_in("anna", true, 2, "");
	hear(&newer, "+OK 3 messages");
	assert_true(file_exists("anna", "1.a"));
	close(gone.socket);
	close(newer.socket);
}

static void
test_never_means_never(void **state)
{
	struct talker first, second;

	(void)state;
	restart_with(takes_over_never);
	first = log_in("anna", true, 1, "");
	hear(&first, HELLO);
	second = log_in("anna", true, 2, "");
	hear(&second, "-ERR [IN-USE] the maildrop is open in another session\r\n");
	say(&first, "NOOP\r\n");
	hear(&first, "+OK still here\r\n");
	close(first.socket);
	close(second.socket);
}

static void
test_the_newest_wins_where_it_is_said(void **state)
{
	struct talker first, second;

	(void)state;
	restart_with(takes_over_newest);
	first = log_in("anna", true, 1, "DELE 1\r\n");
	hear(&first, HELLO MARK);
	second = log_in("anna", true, 2, "");
	hear(&second, HELLO);
	hear_the_end(&first);
	assert_true(file_exists("anna", "1.a"));
	close(first.socket);
	close(second.socket);
}

static void
hasty(struct config *config)
{
	config->maildrop_idle_seconds = 1;
}

static void
test_a_process_without_clients_leaves(void **state)
{
	(void)state;
	restart_with(hasty);
	assert_int_equal(process_wait(), 0);
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clear_text_with_early_octets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pumped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_session_per_maildrop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_lost_connection_deletes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_killed_process_deletes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reports_and_kicks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_long_report, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_ends_without_update, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_parent_it_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auth_may_die_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_who_is_expected_comes_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_client_that_comes_early_is_served, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_blocking_socket_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_login_may_die_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_client_that_does_not_read_holds_up_nobody, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_silence_ends_without_reply_and_without_update, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_update_needs_somebody_who_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_last_answer_arrives_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_silent_session_gives_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_session_that_takes_nothing_gives_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_client_that_hung_up_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_client_that_hung_up_and_takes_nothing_gives_way, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_never_means_never, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_newest_wins_where_it_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_process_without_clients_leaves, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char *argv[])
{
	return ring_run(argc, argv, run);
}
