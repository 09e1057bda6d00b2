/*
 * Mail that lmtp hands over to the real restante-maildrop: who may, where it goes, what becomes of it when
 * something fails, and that sessions are served meanwhile.
 */

#include "maildrop/fake_ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/warrant.h"

#define HELLO   "+OK 2 messages (6 octets)\r\n"
#define GOODBYE "+OK goodbye (2 messages left)\r\n"
#define HEAD    "Delivered-To: anna@example.org\r\n"
#define TEXT    "Subject: x\r\n\r\ntext\r\n"
#define STORED  "Delivered-To: anna@example.org\nSubject: x\n\ntext\n"

static struct ipc_channel lmtp;
static char log_path[64];

/* Has the process logged it so far? */
static bool
log_has(const char *text)
{
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file = fopen(log_path, "r");

	assert_non_null(file);
	while (!found && getline(&line, &room, file) > 0)
		found = strstr(line, text) != NULL;
	free(line);
	fclose(file);
	return found;
}

/* What became of a message is logged behind the answer. */
static void
await_log(const char *text)
{
	while (!log_has(text))
		usleep(1000);
}

static void
log_take(void)
{
	const struct ipc_log to = { .form = 0 };
	struct error error;
	int file;

	snprintf(log_path, sizeof(log_path), "%s/log", root);
	file = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	assert_int_equal(channel_send(&t.control, IPC_LOG, &to, file, &error), 0);
	close(file);
}

static int
begin(void **state)
{
	if (setup(state) != 0)
		return -1;
	log_take();
	lmtp_connect(&lmtp, 0, 0);
	return 0;
}

/* With other settings; undone by end(). */
static void
begin_again(void)
{
	teardown(NULL);
	channel_close(&lmtp);
	process_start();
	log_take();
	lmtp_connect(&lmtp, 0, 0);
}

static int
end(void **state)
{
	channel_close(&lmtp);
	return teardown(state);
}

static int
message_of(const char *text, size_t size)
{
	int file = memfd_create("message", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, size), (ssize_t)size);
	return file;
}

static struct ipc_warrant
warrant_for(const char *scheme, const char *user)
{
	struct ipc_warrant warrant;

	memset(&warrant, 0, sizeof(warrant));
	snprintf(warrant.user, sizeof(warrant.user), "%s", user);
	snprintf(warrant.place, sizeof(warrant.place), "%s:%s/%s", scheme, root, user);
	warrant.maildrop = MAILDROP_NUMBER;
	return warrant;
}

static struct ipc_deliver
deliver_of(const struct ipc_warrant *warrant, uint64_t number, const char *folder)
{
	struct ipc_deliver deliver;

	memset(&deliver, 0, sizeof(deliver));
	deliver.delivery = number;
	deliver.session = 0x77;
	deliver.warrant = *warrant;
	snprintf(deliver.folder, sizeof(deliver.folder), "%s", folder);
	snprintf(deliver.sender, sizeof(deliver.sender), "bert@example.org");
	deliver.head_size = sizeof(HEAD) - 1;
	memcpy(deliver.head, HEAD, deliver.head_size);
	return deliver;
}

/* Waits while the channel is full. */
static void
send_to(struct ipc_channel *channel, const struct ipc_deliver *deliver, int message)
{
	struct pollfd writable = { .fd = channel->descriptor, .events = POLLOUT };
	struct error error;

	assert_int_equal(channel_send(channel, IPC_DELIVER, deliver, message, &error), 0);
	while (channel_wants_write(channel)) {
		poll(&writable, 1, -1);
		assert_int_equal(channel_flush(channel, &error), 0);
	}
}

/* Sealed as it is; the message of TEXT. */
static void
send_warrant(uint64_t number, struct ipc_warrant warrant, const char *folder)
{
	struct ipc_deliver deliver;
	int message = message_of(TEXT, sizeof(TEXT) - 1);

	warrant_seal(&warrant, &t.key);
	deliver = deliver_of(&warrant, number, folder);
	send_to(&lmtp, &deliver, message);
	close(message);
}

/* False: the channel's other end has gone. */
static bool
answer_comes(struct ipc_channel *channel, struct ipc_delivered *answer)
{
	struct pollfd readable = { .fd = channel->descriptor, .events = POLLIN };
	struct ipc_message message;
	struct error error;
	int result;

	do {
		assert_int_equal(poll(&readable, 1, 60000), 1);
		result = channel_receive(channel, &message, &error);
	} while (result == 0);
	if (result < 0)
		return false;
	assert_int_equal(message.type, IPC_DELIVERED);
	*answer = message.body.delivered;
	return true;
}

static struct ipc_delivered
answer_from(struct ipc_channel *channel)
{
	struct ipc_delivered answer;

	assert_true(answer_comes(channel, &answer));
	return answer;
}

static void
expect(uint64_t number, enum error_kind kind)
{
	struct ipc_delivered answer = answer_from(&lmtp);

	if (answer.kind != kind)
		print_message("%s\n", answer.text);
	assert_int_equal(answer.delivery, number);
	assert_int_equal(answer.kind, kind);
}

/* The channel's other end has gone. */
static void
expect_the_end(struct ipc_channel *channel)
{
	struct pollfd readable = { .fd = channel->descriptor, .events = POLLIN };
	struct ipc_message message;
	struct error error;
	int result;

	do {
		assert_int_equal(poll(&readable, 1, 60000), 1);
		result = channel_receive(channel, &message, &error);
	} while (result == 0);
	assert_int_equal(result, -1);
}

/* How many files are there; what is there last, and its size. 0 if there is no such directory. */
static size_t
files_in(const char *directory, char last[PLACE_SIZE], off_t *size)
{
	char path[PLACE_SIZE];
	const struct dirent *entry;
	struct stat status;
	size_t count = 0;
	DIR *entries;

	snprintf(path, sizeof(path), "%s/%s", root, directory);
	entries = opendir(path);
	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		if (entry->d_name[0] == '.' || entry->d_name[1] == '.')
			continue;
		count++;
		snprintf(path, sizeof(path), "%s/%s/%.300s", root, directory, entry->d_name);
		assert_int_equal(stat(path, &status), 0);
		if (last != NULL)
			snprintf(last, PLACE_SIZE, "%s", path);
		if (size != NULL)
			*size = status.st_size;
	}
	if (entries != NULL)
		closedir(entries);
	return count;
}

/* What was delivered; "1.a" and "2.b" were there before. */
static size_t
mail_of(const char *user)
{
	char new[64], tmp[64];

	snprintf(new, sizeof(new), "%s/new", user);
	snprintf(tmp, sizeof(tmp), "%s/tmp", user);
	assert_int_equal(files_in(tmp, NULL, NULL), 0);
	return files_in(new, NULL, NULL);
}

static size_t
descriptor_count(void)
{
	char path[64];
	size_t count = 0;
	DIR *entries;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)t.process);
	entries = opendir(path);
	assert_non_null(entries);
	while (readdir(entries) != NULL)
		count++;
	closedir(entries);
	return count;
}

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

/* How many messages are in it. */
static size_t
box_count(void)
{
	char path[PLACE_SIZE], line[256];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/box", root);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strncmp(line, "From bert@example.org ", 22) == 0;
	fclose(file);
	return count;
}

static void
box_send(uint64_t number)
{
	send_warrant(number, warrant_for("mbox", "box"), "");
}

/* A session for bert from its begin to its end. */
static void
bert_is_served(void)
{
	static uint64_t session = 1000;
	struct talker bert = log_in("bert", true, ++session, "QUIT\r\n");

	hear(&bert, HELLO GOODBYE);
	hear_the_end(&bert);
	close(bert.socket);
}

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
	begin_again();
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
	begin_again();
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
	begin_again();
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
	begin_again();
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
	begin_again();
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

/* The directory of its mail has been replaced: this process is the wrong one, but no mail is refused. */
static void
test_another_directory(void **state)
{
	struct talker bert = log_in("bert", true, 1, "");
	char away[sizeof(log_path)];

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_delivered),
		TEST(test_the_first_mail),
		TEST(test_an_open_session_keeps_its_numbers),
		TEST(test_what_was_delivered_is_learnt),
		TEST(test_a_client_waits_for_another_process_that_learns),
		TEST(test_bad_warrants),
		TEST(test_keys),
		TEST(test_folders),
		TEST(test_quota),
		TEST(test_hundreds_at_once),
		TEST(test_two_doors),
		TEST(test_a_door_is_replaced),
		TEST(test_strange_descriptors),
		TEST(test_too_many_descriptors),
		TEST(test_a_file_that_is_too_big),
		TEST(test_a_file_that_changes),
		TEST(test_a_disk_that_fails),
		TEST(test_others_go_on),
		TEST(test_lmtp_goes),
		TEST(test_sessions_find_a_thread),
		TEST(test_stop),
		TEST(test_stop_with_mail_in_the_door),
		TEST(test_idle),
		TEST(test_another_directory),
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
