/* See fake_ring.h. */

#include "maildrop/fake_ring.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/warrant.h"

#define PATIENCE_SECONDS 60	/* only for a test that has failed already */

const char *program;
char root[] = "/tmp/restante-service-XXXXXX";

struct service t;

void
file_put(const char *user, const char *name, const char *line, int count)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/new/%s", root, user, name);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < count; i++)
		fputs(line, file);
	fclose(file);
}

bool
file_exists(const char *user, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/new/%s", root, user, name);
	return access(path, F_OK) == 0;
}

void
maildrop_make(const char *user)
{
	static const char *const directories[] = { "", "/new", "/cur", "/tmp" };
	char path[256];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s%s", root, user, directories[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	file_put(user, "1.a", "a\n", 1);
	file_put(user, "2.b", "b\n", 1);
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	return walk->level == 0 ? 0 : remove(path);
}

void
remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(path);
}

void
auth_join(void)
{
	struct ipc_channel_for to_auth = { .role = IPC_AUTH };
	struct error error;
	int ends[2];

	assert_int_equal(ipc_pair(ends, &error), 0);
	channel_close(&t.auth);
	channel_open(&t.auth, ends[0], IPC_AUTH, IPC_MAILDROP);
	assert_int_equal(channel_send(&t.control, IPC_CHANNEL, &to_auth, ends[1], &error), 0);
	close(ends[1]);
}

void
auth_connect(void)
{
	auth_join();
	auth_says_key();
}

void
auth_says_key(void)
{
	struct error error;

	assert_int_equal(warrant_key_make(&t.key, &error), 0);
	t.key.maildrop = MAILDROP_NUMBER;
	assert_int_equal(channel_send(&t.auth, IPC_WARRANT_KEY, &t.key, -1, &error), 0);
}

void
lmtp_connect(struct ipc_channel *channel, uint32_t slot, int window)
{
	struct ipc_channel_for to_lmtp = { .role = IPC_LMTP, .slot = slot };
	struct error error;
	int ends[2];

	assert_int_equal(ipc_pair(ends, &error), 0);
	if (window > 0)
		assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &window, sizeof(window)), 0);
	channel_open(channel, ends[0], IPC_LMTP, IPC_MAILDROP);
	assert_int_equal(channel_send(&t.control, IPC_CHANNEL, &to_lmtp, ends[1], &error), 0);
	close(ends[1]);
}

void
login_connect(void)
{
	struct ipc_channel_for to_login = { .role = IPC_LOGIN, .slot = LOGIN_SLOT };
	struct error error;
	int ends[2];

	assert_int_equal(ipc_pair(ends, &error), 0);
	channel_close(&t.door);
	channel_open(&t.door, ends[0], IPC_LOGIN, IPC_MAILDROP);
	assert_int_equal(channel_send(&t.control, IPC_CHANNEL, &to_login, ends[1], &error), 0);
	close(ends[1]);
}

struct ipc_message
control_receive(void)
{
	struct pollfd poll_descriptor = { .fd = t.control.descriptor, .events = POLLIN };
	struct ipc_message message;
	struct error error;

	assert_int_equal(poll(&poll_descriptor, 1, PATIENCE_SECONDS * 1000), 1);
	assert_int_equal(channel_receive(&t.control, &message, &error), 1);
	return message;
}

void
process_start(void)
{
	struct error error;
	int ends[2], memfd;

	assert_int_equal(ipc_pair(ends, &error), 0);
	t.process = fork();
	assert_true(t.process >= 0);
	if (t.process == 0) {
		dup2(ends[1], 3);
		execl(program, program, "--root", root, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	channel_open(&t.control, ends[0], IPC_PARENT, IPC_MAILDROP);
	t.auth.descriptor = t.door.descriptor = -1;
	memfd = config_to_memfd(&t.config, &error);
	assert_true(memfd >= 0);
	assert_int_equal(channel_send(&t.control, IPC_SETTINGS, NULL, memfd, &error), 0);
	close(memfd);
	login_connect();
	auth_connect();
	assert_int_equal(control_receive().type, IPC_READY);
}

int
process_wait(void)
{
	int status;

	assert_int_equal(waitpid(t.process, &status, 0), t.process);
	t.process = 0;
	return status;
}

int
setup(void **state)
{
	(void)state;
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	maildrop_make("anna");
	maildrop_make("bert");
	config_defaults(&t.config);
	t.config.maildrop_threads = 1;
	process_start();
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	if (t.process > 0) {
		kill(t.process, SIGKILL);
		process_wait();
	}
	channel_close(&t.control);
	channel_close(&t.auth);
	channel_close(&t.door);
	return 0;
}

void
patience(int socket)
{
	const struct timeval limit = { .tv_sec = PATIENCE_SECONDS };

	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

void
auth_opens(const char *user, uint64_t session)
{
	struct ipc_open open;
	struct error error;

	memset(&open, 0, sizeof(open));
	open.session = session;
	open.slot = LOGIN_SLOT;
	snprintf(open.user, sizeof(open.user), "%s", user);
	snprintf(open.peer, sizeof(open.peer), "192.0.2.1:4711");
	snprintf(open.place, sizeof(open.place), "maildir:%s/%s", root, user);
	assert_int_equal(channel_send(&t.auth, IPC_OPEN, &open, -1, &error), 0);
}

void
login_hands_over(uint64_t session, int client, bool pumped, const char *early)
{
	struct ipc_handover handover;
	struct ipc_early said;
	struct error error;

	memset(&handover, 0, sizeof(handover));
	memset(&said, 0, sizeof(said));
	handover.session = said.session = session;
	handover.pumped = pumped;
	handover.user = true;
	snprintf(handover.sasl, sizeof(handover.sasl), "PLAIN");
	said.size = (uint32_t)strlen(early);
	memcpy(said.data, early, said.size);
	if (said.size > 0)
		assert_int_equal(channel_send(&t.door, IPC_EARLY, &said, -1, &error), 0);
	assert_int_equal(channel_send(&t.door, IPC_HANDOVER, &handover, client, &error), 0);
	close(client);
}

/* What came of a pair and was not heard yet; of the one that is listened to. */
static struct {
	uint64_t session;
	size_t start, end;
	bool last;
	char text[PAIR_OCTETS_MAX];
} box;

static void
box_empty(void)
{
	box.session = box.start = box.end = 0;
	box.last = false;
}

bool
login_hands_over_again(int pair, uint64_t session, const char *early)
{
	struct {
		struct ipc_handover handover;
		char early[EARLY_SIZE];
	} body;
	size_t early_size = strlen(early);

	box_empty();
	memset(&body, 0, sizeof(body));
	body.handover.session = session;
	body.handover.pumped = true;
	memcpy(body.early, early, early_size);
	return pair_send(pair, PAIR_HANDOVER, session, &body, sizeof(body.handover) + early_size) == 0;
}

struct talker
log_in(const char *user, bool clear, uint64_t session, const char *early)
{
	struct error error;
	int ends[2];

	if (clear)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	else
		assert_int_equal(pair_make(ends, &error), 0);
	box_empty();
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
	auth_opens(user, session);
	login_hands_over(session, ends[1], !clear, early);
	patience(ends[0]);
	return (struct talker){ .socket = ends[0], .session = clear ? 0 : session };
}

void
say(const struct talker *talker, const char *text)
{
	if (talker->session != 0)
		assert_int_equal(pair_send(talker->socket, PAIR_OCTETS, talker->session, text, strlen(text)), 0);
	else
		assert_int_equal(send(talker->socket, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool
box_fill(const struct talker *talker)
{
	struct pollfd polled = { .fd = talker->socket, .events = POLLIN };
	struct pair_head head;
	ssize_t n;

	if (box.session != talker->session) {
		box_empty();
		box.session = talker->session;
	}
	if (box.last || poll(&polled, 1, PATIENCE_SECONDS * 1000) != 1)
		return false;
	n = pair_receive(talker->socket, &head, box.text, sizeof(box.text));
	if (n < 0)
		return false;
	assert_int_equal(head.session, talker->session);
	box.last = head.type == PAIR_LAST;
	box.start = 0;
	box.end = (size_t)n;
	return true;
}

ssize_t
talker_read(const struct talker *talker, char *text, size_t size)
{
	if (talker->session == 0)
		return read(talker->socket, text, size);
	while (box.session != talker->session || box.start == box.end)
		if (!box_fill(talker))
			return 0;
	if (size > box.end - box.start)
		size = box.end - box.start;
	memcpy(text, box.text + box.start, size);
	box.start += size;
	return (ssize_t)size;
}

void
hear(const struct talker *talker, const char *expected)
{
	char text[2000];
	size_t size = strlen(expected), used = 0;

	while (used < size) {
		ssize_t n = talker_read(talker, text + used, size - used);

		if (n <= 0)
			fail_msg("expected %s, heard %.*s", expected, (int)used, text);
		used += (size_t)n;
	}
	text[size] = '\0';
	assert_string_equal(text, expected);
}

void
hear_the_end(const struct talker *talker)
{
	char octet;

	assert_true(talker_read(talker, &octet, 1) <= 0);
}

void
tcp_pair(int ends[2], int window)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	const int on = 1;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (window > 0)
		setsockopt(ends[0], SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	assert_int_equal(connect(ends[0], (struct sockaddr *)&address, size), 0);
	ends[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(ends[1] >= 0);
	assert_int_equal(setsockopt(ends[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	close(listener);
	patience(ends[0]);
}

int
ring_run(int argc, char *argv[], int (*run)(void))
{
	int result;

	if (argc != 2 || mkdtemp(root) == NULL)
		return 1;
	program = argv[1];
	result = run();
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(root);
	return result;
}
