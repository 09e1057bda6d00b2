/*
 * One message that lmtp hands over to the real restante-maildrop: where it goes, and what becomes of it when its
 * descriptor or the disk is not as it should be.
 */

#include "maildrop/fake_lmtp.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/warrant.h"

static void
test_delivered(void **state)
{
	char path[PLACE_SIZE], text[200] = "";
	int file;

	(void)state;
	send_warrant(1, warrant_for("maildir", "bert"), "");
	expect(1, ERROR_NONE);
	assert_int_equal(mail_of("bert"), 1);
	files_in("bert/new", path, NULL);
	file = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(file, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, STORED);
	close(file);
	await_log("delivered session=77 user=bert place=maildir:");
}

/* The message comes with what is said of it. */
static void
test_short_messages(void **state)
{
	static char text[DELIVER_TEXT_SIZE];
	static const size_t sizes[] = { 0, 1, 100, DELIVER_TEXT_SIZE };
	const struct ipc_warrant none = { .user = "" };
	struct ipc_warrant warrant = warrant_for("maildir", "bert"), box = warrant_for("mbox", "box");
	struct ipc_deliver deliver;
	uint64_t number = 0;
	char path[PLACE_SIZE];
	off_t size;

	(void)state;
	t.config.lmtp_size_max_octets = DELIVER_TEXT_SIZE;
	lmtp_setup_again();
	memset(text, 'x', sizeof(text));
	warrant_seal(&warrant, &t.key);
	warrant_seal(&box, &t.key);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		deliver = deliver_of(&warrant, ++number, "");
		send_text(&deliver, text, sizes[i]);
		expect(number, ERROR_NONE);
		assert_int_equal(mail_of("bert"), 1);
		files_in("bert/new", path, &size);
		assert_int_equal(size, sizeof(HEAD) - 2 + sizes[i]);
		assert_int_equal(unlink(path), 0);
		deliver = deliver_of(&box, ++number, "");
		send_text(&deliver, text, sizes[i]);
		expect(number, ERROR_NONE);
		assert_int_equal(box_count(), i + 1);
	}
	deliver = deliver_of(&none, ++number, "");
	send_text(&deliver, text, 1);
	expect(number, ERROR_DENIED);
	assert_int_equal(mail_of("bert"), 0);
}

static void
test_a_short_message_that_is_too_big(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "bert");
	struct ipc_deliver deliver;

	(void)state;
	t.config.lmtp_size_max_octets = 3;
	lmtp_setup_again();
	warrant_seal(&warrant, &t.key);
	for (size_t size = 3; size <= 4; size++) {
		deliver = deliver_of(&warrant, size, "");
		send_text(&deliver, "a\r\nb", size);
		expect(size, size == 3 ? ERROR_NONE : ERROR_TEMPORARY);
	}
	assert_int_equal(mail_of("bert"), 1);
}

/* Where there is a home, but no Maildir yet. */
static void
test_the_first_mail(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "carl");
	char home[PLACE_SIZE];

	(void)state;
	snprintf(home, sizeof(home), "%s/carl", root);
	assert_int_equal(mkdir(home, 0700), 0);
	snprintf(warrant.place, sizeof(warrant.place), "maildir:%s/carl/Maildir", root);
	send_warrant(1, warrant, "");
	expect(1, ERROR_NONE);
	assert_int_equal(mail_of("carl/Maildir"), 1);
}

static void
test_an_open_session_keeps_its_numbers(void **state)
{
	struct talker anna = log_in("anna", true, 1, "");

	(void)state;
	hear(&anna, HELLO);
	send_warrant(1, warrant_for("maildir", "anna"), "");
	expect(1, ERROR_NONE);
	assert_int_equal(mail_of("anna"), 1);
	say(&anna, "STAT\r\nLIST\r\nRETR 2\r\nDELE 1\r\nQUIT\r\n");
	hear(&anna, "+OK 2 6\r\n+OK sizes follow\r\n1 3\r\n2 3\r\n.\r\n"
		    "+OK 3 octets\r\nb\r\n.\r\n+OK message 1 deleted\r\n+OK goodbye (1 messages left)\r\n");
	hear_the_end(&anna);
	close(anna.socket);
	assert_int_equal(mail_of("anna"), 1);
	anna = log_in("anna", true, 2, "STAT\r\n");
	hear(&anna, "+OK 2 messages (55 octets)\r\n+OK 2 55\r\n");
	close(anna.socket);
}

static void
folder_make(const char *path, bool whole)
{
	static const char *const parts[] = { "", "/cur", "/new", "/tmp" };
	char full[PLACE_SIZE];

	for (size_t i = 0; i < (whole ? 4 : 3); i++) {
		snprintf(full, sizeof(full), "%s/%s%s", root, path, parts[i]);
		assert_int_equal(mkdir(full, 0700), 0);
	}
}

static void
folder_link(const char *to, const char *name)
{
	char from[PLACE_SIZE], target[PLACE_SIZE];

	snprintf(from, sizeof(from), "%s/%s", root, name);
	snprintf(target, sizeof(target), "%s/%s", root, to);
	assert_int_equal(symlink(target, from), 0);
}

static void
test_folders(void **state)
{
	static const struct {
		const char *folder, *directory;
	} cases[] = {
		{ "lists", "bert/.lists/new" },
		{ "lists.restante", "bert/.lists.restante/new" },
		{ "", "bert/new" },
		{ "none", "bert/new" },
		{ "Lists", "bert/new" },
		{ "half", "bert/new" },
		{ "elsewhere", "bert/new" },
		{ "inner", "bert/new" },
		{ ".lists", "bert/new" },
		{ ".", "bert/new" },
		{ "./anna", "bert/new" },
		{ "lists/../../anna", "bert/new" },
		{ "/lists", "bert/new" },
		{ "../anna", "bert/new" },
	};
	char other[PLACE_SIZE];

	(void)state;
	folder_make("bert/.lists", true);
	folder_make("bert/.lists.restante", true);
	folder_make("bert/.half", false);
	folder_make("bert/..lists", true);
	folder_make("bert/.inner", false);
	folder_link("anna", "bert/.elsewhere");
	folder_link("anna/tmp", "bert/.inner/tmp");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t before = files_in(cases[i].directory, NULL, NULL);

		print_message("%s\n", cases[i].folder);
		send_warrant(i, warrant_for("maildir", "bert"), cases[i].folder);
		expect(i, ERROR_NONE);
		assert_int_equal(files_in(cases[i].directory, NULL, NULL), before + 1);
	}
	assert_int_equal(mail_of("anna"), 0);
	await_log("folder-missing session=77 user=bert folder=none");
	/* An mbox has none. */
	send_warrant(99, warrant_for("mbox", "box"), "lists");
	expect(99, ERROR_NONE);
	assert_int_equal(box_count(), 1);
	snprintf(other, sizeof(other), "%s/box/.lists", root);
	assert_int_equal(access(other, F_OK), -1);
}

static void
test_quota(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "bert");

	(void)state;
	folder_make("bert/.lists", true);
	warrant.messages_max = 4;
	send_warrant(1, warrant, "");
	expect(1, ERROR_NONE);
	/* The maildrop with its folders is what counts. */
	send_warrant(2, warrant, "lists");
	expect(2, ERROR_NONE);
	await_log("quota-warning user=bert percent=100");
	assert_false(log_has("quota-warning user=bert percent=50"));
	for (uint64_t i = 3; i < 5; i++) {
		send_warrant(i, warrant, i == 3 ? "lists" : "");
		expect(i, ERROR_FULL);
	}
	await_log("delivery-failed session=77 user=bert");
	assert_int_equal(mail_of("bert"), 1);
	assert_int_equal(mail_of("bert/.lists"), 1);
	warrant.messages_max = 0;
	warrant.octets_max = 10;
	send_warrant(6, warrant, "");
	expect(6, ERROR_FULL);
	warrant.octets_max = 1000000;
	send_warrant(7, warrant, "");
	expect(7, ERROR_NONE);
}

/* Nothing that could be waited for instead of read. */
static void
test_strange_descriptors(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "bert");
	const struct rlimit enough = { 1 << 20, 1 << 20 };
	struct ipc_deliver deliver;
	int ends[2], pair[2], files[5];
	char path[PLACE_SIZE];

	(void)state;
	warrant_seal(&warrant, &t.key);
	snprintf(path, sizeof(path), "%s/message", root);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	files[0] = ends[0];
	files[1] = pair[0];
	files[2] = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	files[3] = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(files[3], TEXT, sizeof(TEXT) - 1), sizeof(TEXT) - 1);
	files[4] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(prlimit(t.process, RLIMIT_FSIZE, &enough, NULL), 0);
	for (uint64_t i = 0; i < 5; i++) {
		deliver = deliver_of(&warrant, i, "");
		send_to(&lmtp, &deliver, files[i]);
		expect(i, ERROR_TEMPORARY);
		close(files[i]);
	}
	close(ends[1]);
	close(pair[1]);
	assert_int_equal(mail_of("bert"), 0);
	bert_is_served();
}

/* No room for the descriptor: nothing is delivered, and the door stays open. */
static void
test_too_many_descriptors(void **state)
{
	struct rlimit before, few;

	(void)state;
	send_warrant(1, warrant_for("maildir", "bert"), "");
	expect(1, ERROR_NONE);
	assert_int_equal(prlimit(t.process, RLIMIT_NOFILE, NULL, &before), 0);
	few = (struct rlimit){ 3, before.rlim_max };
	assert_int_equal(prlimit(t.process, RLIMIT_NOFILE, &few, NULL), 0);
	send_warrant(2, warrant_for("maildir", "bert"), "");
	expect(2, ERROR_TEMPORARY);
	await_log("reason=\"too many open descriptors\"");
	assert_int_equal(prlimit(t.process, RLIMIT_NOFILE, &before, NULL), 0);
	send_warrant(3, warrant_for("maildir", "bert"), "");
	expect(3, ERROR_NONE);
	assert_int_equal(mail_of("bert"), 2);
}

/* What lmtp would not have taken is not written first and weighed later: a file may say that it holds anything. */
static void
test_a_file_that_is_too_big(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "bert");
	struct ipc_deliver deliver;
	int message = message_of("", 0);

	(void)state;
	t.config.lmtp_size_max_octets = 100000;
	lmtp_setup_again();
	warrant_seal(&warrant, &t.key);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(ftruncate(message, 100000 + (off_t)i), 0);
		deliver = deliver_of(&warrant, i, "");
		send_to(&lmtp, &deliver, message);
		expect(i, i == 0 ? ERROR_NONE : ERROR_TEMPORARY);
	}
	close(message);
	await_log("reason=\"the message is bigger than lmtp_size_max_octets\"");
	assert_int_equal(mail_of("bert"), 1);
}

#define SHORT_SIZE 300000
#define LONG_SIZE  900000

/* A file that changes its size while it is read is stored whole, in one of its sizes, or not at all. */
static void
test_a_file_that_changes(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "bert");
	int message = message_of("", 0), stored = 0, refused = 0;
	pid_t changer;

	(void)state;
	warrant_seal(&warrant, &t.key);
	assert_int_equal(ftruncate(message, LONG_SIZE), 0);
	changer = fork();
	if (changer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (ftruncate(message, SHORT_SIZE) == 0 && ftruncate(message, LONG_SIZE) == 0)
			continue;
		_exit(1);
	}
	for (uint64_t i = 0; i < 200 || (i < 20000 && refused == 0); i++) {
		struct ipc_deliver deliver = deliver_of(&warrant, i, "");
		struct ipc_delivered answer;
		char path[PLACE_SIZE];
		off_t size = 0;

		send_to(&lmtp, &deliver, message);
		answer = answer_from(&lmtp);
		if (answer.kind != ERROR_NONE) {
			assert_int_equal(answer.kind, ERROR_TEMPORARY);
			assert_int_equal(mail_of("bert"), 0);
			refused++;
			continue;
		}
		assert_int_equal(files_in("bert/new", path, &size), 1);
		size -= sizeof(HEAD) - sizeof("\r");
		assert_true(size == SHORT_SIZE || size == LONG_SIZE);
		unlink(path);
		stored++;
	}
	kill(changer, SIGKILL);
	waitpid(changer, NULL, 0);
	close(message);
	print_message("%d stored, %d refused\n", stored, refused);
	assert_true(refused > 0);
}

/* No file may be so large: that delivery alone fails. */
static void
test_a_disk_that_fails(void **state)
{
	struct ipc_warrant warrant = warrant_for("maildir", "bert");
	const struct rlimit little = { 4096, 4096 };
	static char text[8192];
	struct ipc_deliver deliver;
	int message = message_of(text, sizeof(text));

	(void)state;
	assert_int_equal(prlimit(t.process, RLIMIT_FSIZE, &little, NULL), 0);
	warrant_seal(&warrant, &t.key);
	deliver = deliver_of(&warrant, 1, "");
	send_to(&lmtp, &deliver, message);
	close(message);
	expect(1, ERROR_PERMANENT);
	assert_int_equal(mail_of("bert"), 0);
	send_warrant(2, warrant_for("maildir", "bert"), "");
	expect(2, ERROR_NONE);
	assert_int_equal(mail_of("bert"), 1);
}

/* The directory of its mail has been replaced: this process is the wrong one, but no mail is refused. */
static void
test_another_directory(void **state)
{
	struct talker bert = log_in("bert", true, 1, "");
	char away[64];

	(void)state;
	hear(&bert, HELLO);
	snprintf(away, sizeof(away), "%s.away", root);
	assert_int_equal(rename(root, away), 0);
	assert_int_equal(mkdir(root, 0700), 0);
	maildrop_make("anna");
	send_warrant(1, warrant_for("maildir", "anna"), "");
	expect(1, ERROR_GONE);
	/* auth is asked for another process now, and looks whether this one has ended. */
	assert_int_equal(recv(t.auth.descriptor, away, 1, MSG_DONTWAIT), 0);
	expect_the_end(&t.auth);
	expect_the_end(&lmtp);
	/* Who is there already stays. */
	say(&bert, "QUIT\r\n");
	hear(&bert, GOODBYE);
	close(bert.socket);
	assert_int_equal(process_wait(), 0);
	assert_int_equal(mail_of("anna"), 0);
	teardown(NULL);
	setup(NULL);
	remove_tree(away);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lmtp_setup, lmtp_teardown)

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_delivered),
		TEST(test_short_messages),
		TEST(test_a_short_message_that_is_too_big),
		TEST(test_the_first_mail),
		TEST(test_an_open_session_keeps_its_numbers),
		TEST(test_folders),
		TEST(test_quota),
		TEST(test_strange_descriptors),
		TEST(test_too_many_descriptors),
		TEST(test_a_file_that_is_too_big),
		TEST(test_a_file_that_changes),
		TEST(test_a_disk_that_fails),
		TEST(test_another_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char *argv[])
{
	signal(SIGPIPE, SIG_IGN);
	return ring_run(argc, argv, run);
}
