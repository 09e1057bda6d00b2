/* The world around restante-auth, for its test; see auth_fake.h. */

#include "auth/auth_fake.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/warrant.h"

/* "secret", of few rounds. */
#define HASH                                                                                       \
	"$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EHPlAKmFFlrjEwSXGo2"  \
	"kgY5hR2.peKEg2VGUqIJJu1"

static const char users_text[] = "# everybody's password is secret, but for mrose's\n"
				 "anna:" HASH ":5000:5001::/srv/mail/anna\n"
				 "bert:" HASH ":5000:5001::/srv/mail/bert\n"
				 "carl:{PLAIN}secret:5002:5002::/srv/mail/carl\n"
				 "mrose:{PLAIN}tanstaaf:5003:5003::/home/mrose\n"
				 "../etc:{PLAIN}secret:5004:5004::/home/up\n"
				 "homeless:{PLAIN}secret:5005:5001\n"
				 "locked:!:5000:5001::/srv/mail/locked::quota_rule=*:storage=1:messages=7\n"
				 "broken line\n";

const char *program;
struct world world;
char users_path[64];

static char directory[] = "/tmp/restante-auth-XXXXXX";
static char spare_path[64], log_path[64];

void
write_users(const char *text)
{
	FILE *file = fopen(spare_path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(rename(spare_path, users_path), 0);
}

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
send_message(struct ipc_channel *channel, enum ipc_type type, const void *body, int descriptor)
{
	struct error error;

	assert_int_equal(channel_send(channel, type, body, descriptor, &error), 0);
}

void
expect(struct ipc_channel *channel, enum ipc_type type, struct ipc_message *message)
{
	struct pollfd ready = { .fd = channel->descriptor, .events = POLLIN };
	struct error error = { .text = "" };
	int result;

	while ((result = channel_receive(channel, message, &error)) == 0)
		poll(&ready, 1, -1);
	if (result < 0)
		print_message("%s\n", error.text);
	assert_int_equal(result, 1);
	assert_int_equal(message->type, type);
}

bool
is_silent(struct ipc_channel *channel)
{
	struct ipc_message message;
	struct error error;

	return channel_receive(channel, &message, &error) == 0;
}

void
send_settings(void)
{
	struct error error;
	int memfd = config_to_memfd(&world.config, &error);

	assert_true(memfd >= 0);
	send_message(&world.parent, IPC_SETTINGS, NULL, memfd);
	close(memfd);
}

static void
open_channel(struct ipc_channel *to, enum ipc_role role, uint32_t slot)
{
	struct ipc_channel_for channel = { .role = role, .slot = slot };
	struct error error;
	int ends[2];

	assert_int_equal(ipc_pair(ends, &error), 0);
	send_message(&world.parent, IPC_CHANNEL, &channel, ends[0]);
	close(ends[0]);
	channel_open(to, ends[1], role, IPC_AUTH);
}

void
open_login(struct ipc_channel *login, uint32_t slot)
{
	open_channel(login, IPC_LOGIN, slot);
}

void
open_lmtp(uint32_t slot)
{
	channel_close(&world.lmtp);
	open_channel(&world.lmtp, IPC_LMTP, slot);
}

static void
run_program(int control)
{
	int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(log, 2);
	dup2(control, 3);
	fcntl(3, F_SETFD, 0);
	close_range(4, ~0U, 0);
	execl(program, "restante-auth", "--users-file", users_path, (char *)NULL);
	_exit(127);
}

int
start_world(void **state)
{
	struct ipc_message message;
	struct error error;
	int ends[2];

	(void)state;
	memset(&world, 0, sizeof(world));
	channel_open(&world.maildrop, -1, IPC_MAILDROP, IPC_AUTH);
	channel_open(&world.lmtp, -1, IPC_LMTP, IPC_AUTH);
	write_users(users_text);
	config_defaults(&world.config);
	snprintf(world.config.mail_place, sizeof(world.config.mail_place), "maildir:%%h/Maildir");
	snprintf(world.config.sasl_mechanisms, sizeof(world.config.sasl_mechanisms), "PLAIN LOGIN");
	world.config.apop = 1;
	world.config.auth_cache_seconds = 3600;
	world.config.auth_cache_entries = 100;
	world.config.auth_failures_max = 4;
	world.config.auth_refusal_seconds = 3600;
	world.config.auth_failure_delay_milliseconds = 1;
	if (ipc_pair(ends, &error) < 0)
		return -1;
	world.pid = fork();
	if (world.pid == 0)
		run_program(ends[1]);
	close(ends[1]);
	channel_open(&world.parent, ends[0], IPC_PARENT, IPC_AUTH);
	send_settings();
	expect(&world.parent, IPC_READY, &message);
	open_login(&world.login, LOGIN_SLOT);
	return 0;
}

int
end_world(void **state)
{
	static const struct ipc_stop stop = { 0 };
	int status;

	(void)state;
	send_message(&world.parent, IPC_STOP, &stop, -1);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	assert_int_equal(status, 0);
	channel_close(&world.parent);
	channel_close(&world.login);
	channel_close(&world.lmtp);
	channel_close(&world.maildrop);
	assert_false(log_has("secret"));
	assert_false(log_has("tanstaaf"));
	return 0;
}

uint64_t
ask(const char *peer, enum ipc_check_method method, const char *user, const char *password)
{
	struct ipc_check check = { .session = 0x100000001 + world.session++, .method = method };

	snprintf(check.client.peer, sizeof(check.client.peer), "%s", peer);
	snprintf(check.user, sizeof(check.user), "%s", user);
	snprintf(check.password, sizeof(check.password), "%s", password);
	snprintf(check.timestamp, sizeof(check.timestamp), "<1896.697170952@dbc.mtview.ca.us>");
	send_message(&world.login, IPC_CHECK, &check, -1);
	return check.session;
}

void
expect_refused(uint64_t session, enum error_kind kind)
{
	struct ipc_message message;

	expect(&world.login, IPC_REFUSED, &message);
	assert_int_equal(message.body.refused.session, session);
	assert_int_equal(message.body.refused.kind, kind);
}

void
ask_recipient_again(uint64_t delivery, const char *user, const char *otherwise, uint32_t gone)
{
	struct ipc_recipient asked = { .delivery = delivery, .session = 0x300000000 + delivery, .gone = gone };

	snprintf(asked.user, sizeof(asked.user), "%s", user);
	snprintf(asked.otherwise, sizeof(asked.otherwise), "%s", otherwise);
	send_message(&world.lmtp, IPC_RECIPIENT, &asked, -1);
}

void
ask_recipient(uint64_t delivery, const char *user, const char *otherwise)
{
	ask_recipient_again(delivery, user, otherwise, 0);
}

void
expect_recipient_refused(uint64_t delivery, enum error_kind kind)
{
	struct ipc_message message;

	expect(&world.lmtp, IPC_RECIPIENT_REFUSED, &message);
	assert_int_equal(message.body.recipient_refused.delivery, delivery);
	assert_int_equal(message.body.recipient_refused.kind, kind);
}

void
expect_found(uint64_t delivery, const char *user, const char *place, uint64_t octets_max,
    uint64_t messages_max)
{
	const struct ipc_warrant *warrant;
	struct ipc_message message;

	expect(&world.lmtp, IPC_RECIPIENT_FOUND, &message);
	assert_int_equal(message.body.recipient_found.delivery, delivery);
	warrant = &message.body.recipient_found.warrant;
	assert_string_equal(warrant->user, user);
	assert_string_equal(warrant->place, place);
	assert_int_equal(warrant->octets_max, octets_max);
	assert_int_equal(warrant->messages_max, messages_max);
	assert_int_equal(warrant->maildrop, world.maildrop_number);
	assert_true(warrant_is_good(warrant, &world.warrant_key));
}

void
give_maildrop(uint32_t uid, uint32_t gid, const char *root)
{
	struct ipc_message message;
	struct ipc_started started = { .number = ++world.maildrop_number, .uid = uid, .gid = gid };
	struct error error;
	int ends[2];

	snprintf(started.root, sizeof(started.root), "%s", root);
	assert_int_equal(ipc_pair(ends, &error), 0);
	send_message(&world.parent, IPC_STARTED, &started, ends[0]);
	close(ends[0]);
	channel_close(&world.maildrop);
	channel_open(&world.maildrop, ends[1], IPC_MAILDROP, IPC_AUTH);
	expect(&world.maildrop, IPC_WARRANT_KEY, &message);
	world.warrant_key = message.body.warrant_key;
	assert_int_equal(world.warrant_key.maildrop, world.maildrop_number);
}

void
expect_start(uint32_t uid, uint32_t gid, const char *root)
{
	struct ipc_message message;

	expect(&world.parent, IPC_START, &message);
	assert_int_equal(message.body.start.uid, uid);
	assert_int_equal(message.body.start.gid, gid);
	assert_string_equal(message.body.start.root, root);
}

void
expect_granted(uint64_t session, const char *user, const char *method, const char *place)
{
	struct ipc_message granted, open;

	expect(&world.login, IPC_GRANTED, &granted);
	assert_int_equal(granted.body.granted.session, session);
	assert_int_equal(granted.body.granted.maildrop, world.maildrop_number);
	assert_string_equal(granted.body.granted.user, user);
	assert_string_equal(granted.body.granted.method, method);
	expect(&world.maildrop, IPC_OPEN, &open);
	assert_int_equal(open.body.open.session, session);
	assert_int_equal(open.body.open.slot, LOGIN_SLOT);
	assert_string_equal(open.body.open.user, user);
	assert_string_equal(open.body.open.place, place);
}

void
settle(void)
{
	const struct ipc_report report = { .ticket = 1, .kind = IPC_REPORT_SESSIONS };
	struct ipc_message message;

	send_message(&world.parent, IPC_REPORT, &report, -1);
	expect(&world.parent, IPC_REPORT_END, &message);
}

int
make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(users_path, sizeof(users_path), "%s/users", directory);
	snprintf(spare_path, sizeof(spare_path), "%s/spare", directory);
	snprintf(log_path, sizeof(log_path), "%s/log", directory);
	return 0;
}

int
remove_directory(void **state)
{
	(void)state;
	unlink(users_path);
	unlink(log_path);
	return rmdir(directory);
}
