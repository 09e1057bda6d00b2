/* What the index of a maildrop learns of a delivery to the real restante-maildrop, and that nobody who comes meanwhile is refused. */

#include "maildrop/fake_lmtp.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "ipc/warrant.h"

/* Does the index of that user know that part of a name? */
static bool
is_learnt(const char *user, const char *part)
{
	static char content[16384];
	char path[PLACE_SIZE];
	ssize_t size;
	int file;

	snprintf(path, sizeof(path), "%s/%s/restante-index", root, user);
	file = open(path, O_RDONLY | O_CLOEXEC);
	size = file >= 0 ? read(file, content, sizeof(content)) : 0;
	if (file >= 0)
		close(file);
	return size > 0 && memmem(content, (size_t)size, part, strlen(part)) != NULL;
}

static void
await_learnt(const char *user, const char *part)
{
	while (!is_learnt(user, part))
		usleep(1000);
}

static void
test_what_was_delivered_is_learnt(void **state)
{
	struct talker anna;

	(void)state;
	/* What was there before has no sizes in its names: a session has to count it. */
	anna = log_in("anna", true, 1, "QUIT\r\n");
	hear(&anna, HELLO GOODBYE);
	hear_the_end(&anna);
	close(anna.socket);
	send_warrant(1, warrant_for("maildir", "anna"), "");
	expect(1, ERROR_NONE);
	await_learnt("anna", ",W=52");
	/* As long as a session has it open nothing is written, and afterwards it is. */
	anna = log_in("anna", true, 2, "STAT\r\n");
	hear(&anna, "+OK 3 messages (58 octets)\r\n+OK 3 58\r\n");
	file_put("anna", "9999999999.M1P1.mx,S=4,W=6", "yy\n", 1);
	send_warrant(2, warrant_for("maildir", "anna"), "");
	expect(2, ERROR_NONE);
	send_warrant(3, warrant_for("maildir", "bert"), "");
	expect(3, ERROR_NONE);
	usleep(1500000);
	assert_false(is_learnt("anna", "9999999999"));
	say(&anna, "STAT\r\nQUIT\r\n");
	hear(&anna, "+OK 3 58\r\n+OK goodbye (3 messages left)\r\n");
	hear_the_end(&anna);
	close(anna.socket);
	await_learnt("anna", "9999999999");
	/* Of the other a session has to count, and nobody else does. */
	assert_false(is_learnt("bert", ""));
}

static int
file_lock(const char *user, const char *part)
{
	char path[PLACE_SIZE];
	int directory;

	snprintf(path, sizeof(path), "%s/%s%s", root, user, part);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	assert_int_equal(flock(directory, LOCK_EX | LOCK_NB), 0);
	return directory;
}

/* restante-deliver, say: the client waits, and everybody else is served. */
static void
test_a_client_waits_for_another_process_that_learns(void **state)
{
	int gate = file_lock("anna", "/new"), lock = file_lock("anna", "");
	struct pollfd quiet;
	struct talker anna;

	(void)state;
	t.config.maildrop_threads = 2;
	lmtp_setup_again();
	anna = log_in("anna", true, 1, "QUIT\r\n");
	bert_is_served();
	send_warrant(1, warrant_for("maildir", "bert"), "");
	expect(1, ERROR_NONE);
	quiet = (struct pollfd){ .fd = anna.socket, .events = POLLIN };
	assert_int_equal(poll(&quiet, 1, 0), 0);
	close(lock);
	close(gate);
	hear(&anna, HELLO GOODBYE);
	hear_the_end(&anna);
	close(anna.socket);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lmtp_setup, lmtp_teardown)

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_delivered_is_learnt),
		TEST(test_a_client_waits_for_another_process_that_learns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char *argv[])
{
	signal(SIGPIPE, SIG_IGN);
	return ring_run(argc, argv, run);
}
