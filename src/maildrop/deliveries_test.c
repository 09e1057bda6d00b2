/*
 * The doors through which lmtp hands mail over to the real restante-maildrop: who may, how many at once, what
 * becomes of it when somebody goes, and that sessions are served meanwhile.
 */

#include "maildrop/fake_lmtp.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/warrant.h"

/* Of a process that has nothing to do: what it closes behind an answer is closed. */
static size_t
descriptors_at_rest(void)
{
	size_t count = descriptor_count(), again;

	for (unsigned same = 0; same < 50; same = again == count ? same + 1 : 0, count = again) {
		usleep(1000);
		again = descriptor_count();
	}
	return count;
}

/* An mbox that is locked as another mail program locks it: deliveries to it wait. */
static int
box_lock(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PLACE_SIZE];
	int file;

	snprintf(path, sizeof(path), "%s/box", root);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(fcntl(file, F_SETLK, &lock), 0);
	return file;
}

static void
box_send(uint64_t number)
{
	send_warrant(number, warrant_for("mbox", "box"), "");
}

static void
break_seal(struct ipc_warrant *warrant)
{
	warrant->seal[31] ^= 1;
}

static void
break_user(struct ipc_warrant *warrant)
{
	memcpy(warrant->user, "anna", 5);
}

static void
break_place(struct ipc_warrant *warrant)
{
	snprintf(warrant->place, sizeof(warrant->place), "maildir:%s/anna", root);
}

static void
break_quota(struct ipc_warrant *warrant)
{
	warrant->octets_max = 0;
}

static void
break_number(struct ipc_warrant *warrant)
{
	warrant->maildrop = MAILDROP_NUMBER + 1;
	warrant_seal(warrant, &t.key);
}

static void
break_all(struct ipc_warrant *warrant)
{
	memset(warrant->seal, 0, sizeof(warrant->seal));
}

static void
test_bad_warrants(void **state)
{
	static void (*const breaks[])(struct ipc_warrant *) = { break_seal, break_user, break_place,
		break_quota, break_number, break_all };
	int message = message_of(TEXT, sizeof(TEXT) - 1);

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		struct ipc_warrant warrant = warrant_for("maildir", "bert");
		struct ipc_deliver deliver;

		warrant.octets_max = 10;
		warrant_seal(&warrant, &t.key);
		breaks[i](&warrant);
		deliver = deliver_of(&warrant, i, "");
		send_to(&lmtp, &deliver, message);
		expect(i, ERROR_DENIED);
	}
	close(message);
	assert_int_equal(mail_of("bert") + mail_of("anna"), 0);
	send_warrant(99, warrant_for("maildir", "bert"), "");
	expect(99, ERROR_NONE);
}

/* As the parent hears it; what the parent said before has been heard then. */
static uint64_t
report_count(void)
{
	struct ipc_report report = { .ticket = 4, .kind = IPC_REPORT_COUNTS };
	struct ipc_message row;
	struct error error;

	assert_int_equal(channel_send(&t.control, IPC_REPORT, &report, -1, &error), 0);
	assert_string_equal(control_receive().body.row.name, "sessions");
	row = control_receive();
	assert_string_equal(row.body.row.name, "deliveries");
	assert_int_equal(control_receive().type, IPC_REPORT_END);
	return row.body.row.number;
}

/* The newest key alone counts, whether anybody has read it already or not. */
static void
test_keys(void **state)
{
	struct ipc_warrant old = warrant_for("maildir", "bert");
	struct ipc_deliver deliver;
	int message = message_of(TEXT, sizeof(TEXT) - 1);

	(void)state;
	send_warrant(1, warrant_for("maildir", "bert"), "");
	expect(1, ERROR_NONE);
	for (uint64_t i = 0; i < 3; i++) {
		warrant_seal(&old, &t.key);
		auth_says_key();
		send_warrant(10 + i, warrant_for("maildir", "bert"), "");
		expect(10 + i, ERROR_NONE);
		deliver = deliver_of(&old, i, "");
		send_to(&lmtp, &deliver, message);
		expect(i, ERROR_DENIED);
	}
	/* Of an auth process that has gone, before the new one has said anything. */
	warrant_seal(&old, &t.key);
	auth_join();
	report_count();
	deliver = deliver_of(&old, 20, "");
	send_to(&lmtp, &deliver, message);
	expect(20, ERROR_DENIED);
	auth_says_key();
	send_warrant(21, warrant_for("maildir", "bert"), "");
	expect(21, ERROR_NONE);
	close(message);
	assert_int_equal(mail_of("bert"), 5);
}

/* With mail for others, and answers in whatever order. */
static void
test_hundreds_at_once(void **state)
{
	enum { COUNT = 600 };
	bool seen[COUNT] = { false };

	(void)state;
	for (uint64_t i = 0; i < COUNT; i++)
		send_warrant(i, warrant_for("maildir", i % 3 == 0 ? "anna" : "bert"), "");
	for (uint64_t i = 0; i < COUNT; i++) {
		struct ipc_delivered answer = answer_from(&lmtp);

		assert_int_equal(answer.kind, ERROR_NONE);
		assert_true(answer.delivery < COUNT && !seen[answer.delivery]);
		seen[answer.delivery] = true;
	}
	assert_int_equal(mail_of("anna"), COUNT / 3);
	assert_int_equal(mail_of("bert"), COUNT - COUNT / 3);
}

static void
test_two_doors(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "anna");
	struct ipc_deliver deliver;
	struct ipc_channel other;
	int message = message_of(TEXT, sizeof(TEXT) - 1);

	(void)state;
	lmtp_connect(&other, 1, 0);
	warrant_seal(&warrant, &t.key);
	for (uint64_t i = 0; i < 100; i++) {
		deliver = deliver_of(&warrant, i, "");
		send_to(&lmtp, &deliver, message);
		deliver.delivery += 1000;
		send_to(&other, &deliver, message);
	}
	close(message);
	for (uint64_t i = 0; i < 100; i++) {
		struct ipc_delivered one = answer_from(&lmtp), two = answer_from(&other);

		assert_true(one.delivery < 1000 && two.delivery >= 1000);
		assert_int_equal(one.kind + two.kind, ERROR_NONE);
	}
	channel_close(&other);
	assert_int_equal(mail_of("anna"), 200);
	bert_is_served();
}

/* An lmtp process that gets another door keeps none of the others, but what it has handed in is answered. */
static void
test_a_door_is_replaced(void **state)
{
	struct ipc_channel before;

	(void)state;
	kill(t.process, SIGSTOP);
	for (uint64_t i = 0; i < 20; i++)
		send_warrant(i, warrant_for("maildir", "anna"), "");
	before = lmtp;
	lmtp_connect(&lmtp, 0, 0);
	kill(t.process, SIGCONT);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(answer_from(&before).kind, ERROR_NONE);
	expect_the_end(&before);
	channel_close(&before);
	send_warrant(20, warrant_for("maildir", "anna"), "");
	expect(20, ERROR_NONE);
	assert_int_equal(mail_of("anna"), 21);
}

/* There is one thread, and a delivery that waits: it holds up nobody, not even at the same door. */
static void
test_others_go_on(void **state)
{
	int box = box_lock();

	(void)state;
	box_send(1);
	for (uint64_t i = 2; i < 10; i++) {
		send_warrant(i, warrant_for("maildir", "anna"), "");
		expect(i, ERROR_NONE);
		bert_is_served();
	}
	close(box);
	expect(1, ERROR_NONE);
	assert_int_equal(box_count(), 1);
}

/* What lmtp has handed over is delivered without it, and nothing of it stays open. */
static void
test_lmtp_goes(void **state)
{
	int box = box_lock();
	size_t before;

	(void)state;
	bert_is_served();
	send_warrant(1, warrant_for("maildir", "anna"), "");
	expect(1, ERROR_NONE);
	before = descriptors_at_rest();
	box_send(2);
	box_send(3);
	while (descriptor_count() <= before + 1)
		usleep(1000);
	channel_close(&lmtp);
	bert_is_served();
	close(box);
	while (box_count() < 2)
		usleep(10000);
	/* Its door has gone, too. */
	while (descriptor_count() > before - 1)
		usleep(10000);
	lmtp_connect(&lmtp, 0, 0);
	send_warrant(4, warrant_for("maildir", "anna"), "");
	expect(4, ERROR_NONE);
}

/* There are four threads at most: two may deliver, the others wait in the door. */
static void
test_sessions_find_a_thread(void **state)
{
	bool seen[10] = { false };
	int box;

	(void)state;
	t.config.maildrop_threads_max = 4;
	lmtp_setup_again();
	box = box_lock();
	for (uint64_t i = 0; i < 10; i++)
		box_send(i);
	for (int i = 0; i < 5; i++)
		bert_is_served();
	close(box);
	for (uint64_t i = 0; i < 10; i++) {
		struct ipc_delivered answer = answer_from(&lmtp);

		assert_int_equal(answer.kind, ERROR_NONE);
		assert_false(seen[answer.delivery]);
		seen[answer.delivery] = true;
	}
	assert_int_equal(box_count(), 10);
}

/* What is under way is finished and answered; what waits is sent elsewhere; then it ends. */
static void
test_stop(void **state)
{
	const struct ipc_stop stop = { .grace_seconds = 5 };
	struct error error;
	size_t done = 0, denied = 0, before;
	struct ipc_delivered answer;
	int box;

	(void)state;
	t.config.maildrop_threads_max = 4;
	lmtp_setup_again();
	send_warrant(7, warrant_for("maildir", "anna"), "");
	expect(7, ERROR_NONE);
	bert_is_served();
	box = box_lock();
	before = descriptors_at_rest();
	for (uint64_t i = 0; i < 6; i++)
		box_send(i);
	while (descriptor_count() <= before)
		usleep(1000);
	assert_int_equal(channel_send(&t.control, IPC_STOP, &stop, -1, &error), 0);
	/* It reads no more from there: it has been told. */
	while (channel_send(&lmtp, IPC_DELIVER, &(struct ipc_deliver){ .delivery = 9 }, box, &error) == 0)
		usleep(1000);
	close(box);
	while (answer_comes(&lmtp, &answer)) {
		done += answer.kind == ERROR_NONE;
		denied += answer.kind == ERROR_GONE;
	}
	/* (How many had been taken by then is for the process to say, but for its limit.) */
	assert_in_range(done, 1, 2);
	assert_true(done + denied >= 6);
	assert_int_equal(box_count(), done);
	assert_int_equal(process_wait(), 0);
}

/* What is in the door when the process is told to end is answered, though nothing is under way. */
static void
test_stop_with_mail_in_the_door(void **state)
{
	const struct ipc_stop stop = { .grace_seconds = 5 };
	struct error error;
	size_t done = 0;

	(void)state;
	/* (Its one thread has the door, and hears the parent first.) */
	assert_int_equal(report_count(), 0);
	kill(t.process, SIGSTOP);
	assert_int_equal(channel_send(&t.control, IPC_STOP, &stop, -1, &error), 0);
	for (uint64_t i = 0; i < 8; i++)
		send_warrant(i, warrant_for("maildir", "bert"), "");
	kill(t.process, SIGCONT);
	for (size_t i = 0; i < 8; i++) {
		struct ipc_delivered answer = answer_from(&lmtp);

		assert_true(answer.kind == ERROR_NONE || answer.kind == ERROR_GONE);
		done += answer.kind == ERROR_NONE;
	}
	assert_int_equal(mail_of("bert"), done);
	expect_the_end(&lmtp);
	assert_int_equal(process_wait(), 0);
}

/* A process is not idle while it delivers; when it is, auth hears of it, and it ends. */
static void
test_idle(void **state)
{
	struct pollfd end_of_auth;
	int box;

	(void)state;
	t.config.maildrop_idle_seconds = 1;
	lmtp_setup_again();
	box = box_lock();
	box_send(1);
	end_of_auth = (struct pollfd){ .fd = t.auth.descriptor, .events = POLLIN };
	assert_int_equal(poll(&end_of_auth, 1, 7000), 0);
	close(box);
	expect(1, ERROR_NONE);
	expect_the_end(&t.auth);
	expect_the_end(&lmtp);
	assert_int_equal(process_wait(), 0);
}

/* Whoever takes no answers is shut out, and holds up nobody. */
static void
test_an_lmtp_that_does_not_read(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "bert");
	struct ipc_deliver deliver;
	struct ipc_channel deaf;
	struct error error;
	int message = message_of(TEXT, sizeof(TEXT) - 1);
	struct pollfd hung_up;

	(void)state;
	lmtp_connect(&deaf, 1, 4608);
	for (uint64_t i = 0; i < 60; i++) {
		deliver = deliver_of(&warrant, i, "");
		if (channel_send(&deaf, IPC_DELIVER, &deliver, message, &error) != 0)
			break;
	}
	close(message);
	hung_up = (struct pollfd){ .fd = deaf.descriptor, .events = 0 };
	bert_is_served();
	send_warrant(1, warrant_for("maildir", "bert"), "");
	expect(1, ERROR_NONE);
	assert_int_equal(poll(&hung_up, 1, 60000), 1);
	channel_close(&deaf);
	await_log("answer-lost session=77 slot=1 reason=\"it takes no answers\"");
}

static void
test_report(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		send_warrant(i, warrant_for("maildir", "bert"), "");
		expect(i, ERROR_NONE);
	}
	assert_int_equal(report_count(), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lmtp_setup, lmtp_teardown)

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_warrants),
		TEST(test_keys),
		TEST(test_hundreds_at_once),
		TEST(test_two_doors),
		TEST(test_a_door_is_replaced),
		TEST(test_others_go_on),
		TEST(test_lmtp_goes),
		TEST(test_sessions_find_a_thread),
		TEST(test_stop),
		TEST(test_stop_with_mail_in_the_door),
		TEST(test_idle),
		TEST(test_an_lmtp_that_does_not_read),
		TEST(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char *argv[])
{
	signal(SIGPIPE, SIG_IGN);
	return ring_run(argc, argv, run);
}
