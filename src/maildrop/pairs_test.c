/* One pair, one session after another: nobody hears or does what is another's. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "maildrop/fake_ring.h"

#define HELLO "+OK 2 messages (6 octets)\r\n"
#define BYE   "+OK goodbye (2 messages left)\r\n"

/* anna's session 1 has come and gone; what is returned is the pair. */
static int
pair_used_once(void)
{
	struct talker anna = log_in("anna", false, 1, "");

	hear(&anna, HELLO);
	say(&anna, "QUIT\r\n");
	hear(&anna, BYE);
	hear_the_end(&anna);
	return anna.socket;
}

/* The pair is open still: anything else than an answer that is not there would have come. */
static bool
is_open(int pair)
{
	return poll(&(struct pollfd){ .fd = pair, .events = POLLIN }, 1, 0) == 0;
}

static void
test_one_session_after_another(void **state)
{
	struct talker bert = { .socket = pair_used_once() };

	(void)state;
	for (bert.session = 2; bert.session < 6; bert.session++) {
		auth_opens("bert", bert.session);
		assert_true(login_hands_over_again(bert.socket, bert.session, "STAT\r\n"));
		hear(&bert, HELLO "+OK 2 6\r\n");
		say(&bert, "QUIT\r\n");
		hear(&bert, BYE);
		hear_the_end(&bert);
		assert_true(is_open(bert.socket));
	}
	close(bert.socket);
}

/* Login speaks before auth's word has come. */
static void
test_before_auth_said_so(void **state)
{
	struct talker bert = { .socket = pair_used_once(), .session = 2 };

	(void)state;
	assert_true(login_hands_over_again(bert.socket, 2, ""));
	usleep(10000);
	assert_true(is_open(bert.socket));
	auth_opens("bert", 2);
	hear(&bert, HELLO);
	close(bert.socket);
}

/* What anna says behind her QUIT comes when she has gone, and again when bert is there. */
static void
test_what_is_said_behind_the_end(void **state)
{
	static const char late[] = "DELE 1\r\nDELE 2\r\nQUIT\r\n";
	struct talker bert = { .socket = pair_used_once(), .session = 2 };

	(void)state;
	assert_int_equal(pair_send(bert.socket, PAIR_OCTETS, 1, late, strlen(late)), 0);
	auth_opens("bert", 2);
	assert_true(login_hands_over_again(bert.socket, 2, ""));
	assert_int_equal(pair_send(bert.socket, PAIR_OCTETS, 1, late, strlen(late)), 0);
	hear(&bert, HELLO);
	assert_int_equal(pair_send(bert.socket, PAIR_OCTETS, 1, late, strlen(late)), 0);
	say(&bert, "STAT\r\nQUIT\r\n");
	hear(&bert, "+OK 2 6\r\n" BYE);
	hear_the_end(&bert);
	assert_true(file_exists("bert", "1.a"));
	assert_true(file_exists("bert", "2.b"));
	close(bert.socket);
}

/* A login process out of its mind: the pair is closed, and nobody is served. */
static void
test_what_must_not_be_said(void **state)
{
	static const struct {
		const char *name;
		enum pair_type type;
		uint64_t session, inside;
		bool pumped, unterminated;
		int more;	/* than the struct */
	} cases[] = {
		{ "last words", PAIR_LAST, 2, 2, true, false, 0 },
		{ "too short", PAIR_HANDOVER, 2, 2, true, false, -1 },
		{ "too much behind the password", PAIR_HANDOVER, 2, 2, true, false, EARLY_SIZE + 1 },
		{ "two sessions at once", PAIR_HANDOVER, 2, 3, true, false, 0 },
		{ "a client's own socket", PAIR_HANDOVER, 2, 2, false, false, 0 },
		{ "a string without an end", PAIR_HANDOVER, 2, 2, true, true, 0 },
		{ "no type that there is", PAIR_TYPE_COUNT, 2, 2, true, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talker talker = { .socket = pair_used_once(), .session = 2 };
		char body[sizeof(struct ipc_handover) + EARLY_SIZE + 1] = "";
		struct ipc_handover handover;

		memset(&handover, 0, sizeof(handover));
		handover.session = cases[i].inside;
		handover.pumped = cases[i].pumped;
		if (cases[i].unterminated)
			memset(handover.sasl, 'x', sizeof(handover.sasl));
		memcpy(body, &handover, sizeof(handover));
		auth_opens("bert", cases[i].inside);
		assert_int_equal(pair_send(talker.socket, cases[i].type, cases[i].session, body,
		    (size_t)((int)sizeof(handover) + cases[i].more)), 0);
		if (recv(talker.socket, body, sizeof(body), 0) != 0)
			fail_msg("served: %s", cases[i].name);
		close(talker.socket);
	}
}

/* Reads until the maildrop ends it; does it say that the pair is free again? */
static bool
ends_free(const struct talker *talker)
{
	struct pollfd polled = { .fd = talker->socket, .events = POLLIN };
	struct pair_head head = { .type = PAIR_OCTETS };
	char text[4096];

	do
		assert_int_equal(poll(&polled, 1, 60000), 1);
	while (pair_receive(talker->socket, &head, text, sizeof(text)) >= 0 && head.type == PAIR_OCTETS);
	close(talker->socket);
	return head.type == PAIR_LAST;
}

/* Who does not end with QUIT ends with its pair, and so does who said more than anybody reads. */
static void
test_a_pair_that_is_not_free_again(void **state)
{
	struct talker anna = log_in("anna", false, 1, "");

	(void)state;
	say(&anna, "QUIT\r\nNOOP\r\n");
	assert_false(ends_free(&anna));
	anna = log_in("anna", false, 2, "");
	hear(&anna, HELLO);
	for (uint64_t i = 0; i < t.config.bad_commands_max; i++) {
		say(&anna, "x\r\n");
		hear(&anna, i + 1 < t.config.bad_commands_max ? "-ERR unknown command\r\n"
		                                            : "-ERR unknown command; too many bad commands\r\n");
	}
	assert_false(ends_free(&anna));
	anna = log_in("anna", false, 3, "");
	say(&anna, "QUIT\r\n");
	assert_true(ends_free(&anna));
}

/* Kicking a session that has ended does not cost the next one its pair. */
static void
test_a_kick_comes_late(void **state)
{
	struct talker bert = { .socket = pair_used_once(), .session = 2 };
	struct ipc_kick kick = { .session = 1 };
	struct error error;

	(void)state;
	assert_int_equal(channel_send(&t.control, IPC_KICK, &kick, -1, &error), 0);
	assert_int_equal(control_receive().type, IPC_REPORT_END);
	auth_opens("bert", 2);
	assert_true(login_hands_over_again(bert.socket, 2, ""));
	hear(&bert, HELLO);
	kick.session = 2;
	assert_int_equal(channel_send(&t.control, IPC_KICK, &kick, -1, &error), 0);
	hear_the_end(&bert);
	close(bert.socket);
}

static size_t
sessions_count(void)
{
	struct ipc_report report = { .kind = IPC_REPORT_SESSIONS };
	struct ipc_message message;
	struct error error;
	size_t count = 0;

	assert_int_equal(channel_send(&t.control, IPC_REPORT, &report, -1, &error), 0);
	while ((message = control_receive()).type == IPC_ROW)
		count++;
	assert_int_equal(message.type, IPC_REPORT_END);
	return count;
}

/* Whichever of its words a session waits with because login takes nothing: it ends when it is kicked. */
static void
test_a_kick_while_the_last_words_wait(void **state)
{
	struct ipc_kick kick = { .session = 1 };
	char words[256];
	struct error error;

	(void)state;
	file_put("anna", "3.c", "thirty octets with a line end\n", 1000);
	for (int messages = 1; messages <= 12; messages++) {
		struct talker anna = log_in("anna", false, 1, "");
		size_t size = 0;

		hear(&anna, "+OK 3 messages (31006 octets)\r\n");
		for (int i = 0; i < messages; i++)
			size += (size_t)snprintf(words + size, sizeof(words) - size, "RETR 3\r\n");
		snprintf(words + size, sizeof(words) - size, "QUIT\r\n");
		say(&anna, words);
		usleep(20000);
		assert_int_equal(channel_send(&t.control, IPC_KICK, &kick, -1, &error), 0);
		assert_int_equal(control_receive().type, IPC_REPORT_END);
		while (sessions_count() > 0)
			usleep(10000);
		close(anna.socket);
	}
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_session_after_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_before_auth_said_so, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_said_behind_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_must_not_be_said, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_pair_that_is_not_free_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_kick_comes_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_kick_while_the_last_words_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char *argv[])
{
	signal(SIGPIPE, SIG_IGN);
	return ring_run(argc, argv, run);
}
