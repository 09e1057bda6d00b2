/* See fake_lmtp.h. */

#include "maildrop/fake_lmtp.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/warrant.h"

struct ipc_channel lmtp;
static char log_path[64];

bool
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

void
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

int
lmtp_setup(void **state)
{
	if (setup(state) != 0)
		return -1;
	log_take();
	lmtp_connect(&lmtp, 0, 0);
	return 0;
}

void
lmtp_setup_again(void)
{
	teardown(NULL);
	channel_close(&lmtp);
	process_start();
	log_take();
	lmtp_connect(&lmtp, 0, 0);
}

int
lmtp_teardown(void **state)
{
	channel_close(&lmtp);
	return teardown(state);
}

int
message_of(const char *text, size_t size)
{
	int file = memfd_create("message", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, size), (ssize_t)size);
	return file;
}

struct ipc_warrant
warrant_for(const char *scheme, const char *user)
{
	struct ipc_warrant warrant;

	memset(&warrant, 0, sizeof(warrant));
	snprintf(warrant.user, sizeof(warrant.user), "%s", user);
	snprintf(warrant.place, sizeof(warrant.place), "%s:%s/%s", scheme, root, user);
	warrant.maildrop = MAILDROP_NUMBER;
	return warrant;
}

struct ipc_deliver
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

void
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

void
send_text(const struct ipc_deliver *deliver, const char *text, size_t size)
{
	struct ipc_deliver_text message;
	struct error error;

	memset(&message, 0, sizeof(message));
	message.deliver = *deliver;
	message.size = (uint32_t)size;
	memcpy(message.text, text, size);
	assert_int_equal(channel_send(&lmtp, IPC_DELIVER_TEXT, &message, -1, &error), 0);
	assert_false(channel_wants_write(&lmtp));
}

void
send_warrant(uint64_t number, struct ipc_warrant warrant, const char *folder)
{
	struct ipc_deliver deliver;
	int message = message_of(TEXT, sizeof(TEXT) - 1);

	warrant_seal(&warrant, &t.key);
	deliver = deliver_of(&warrant, number, folder);
	send_to(&lmtp, &deliver, message);
	close(message);
}

bool
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

struct ipc_delivered
answer_from(struct ipc_channel *channel)
{
	struct ipc_delivered answer;

	assert_true(answer_comes(channel, &answer));
	return answer;
}

void
expect(uint64_t number, enum error_kind kind)
{
	struct ipc_delivered answer = answer_from(&lmtp);

	if (answer.kind != kind)
		print_message("%s\n", answer.text);
	assert_int_equal(answer.delivery, number);
	assert_int_equal(answer.kind, kind);
}

void
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

size_t
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

size_t
mail_of(const char *user)
{
	char new[64], tmp[64];

	snprintf(new, sizeof(new), "%s/new", user);
	snprintf(tmp, sizeof(tmp), "%s/tmp", user);
	assert_int_equal(files_in(tmp, NULL, NULL), 0);
	return files_in(new, NULL, NULL);
}

size_t
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

size_t
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

void
bert_is_served(void)
{
	static uint64_t session = 1000;
	struct talker bert = log_in("bert", true, ++session, "QUIT\r\n");

	hear(&bert, HELLO GOODBYE);
	hear_the_end(&bert);
	close(bert.socket);
}
