/* See fake_ring.h. */

#include "lmtp/fake_ring.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

const char *fake_lmtp_program;

void
ring_give_up(struct fake_ring *ring, const char *what)
{
	char log[8192];
	ssize_t n = pread(ring->log, log, sizeof(log) - 1, 0);

	log[n > 0 ? n : 0] = '\0';
	fail_msg("%s\nits log:\n%s", what, log);
}

void
ring_config(struct config *config)
{
	config_defaults(config);
	snprintf(config->hostname, sizeof(config->hostname), "mx.example");
	config->log_level = 2;
}

static int
listen_on_unix(struct fake_ring *ring)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/lmtp", ring->directory);
	assert_int_equal(bind(socket_, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(socket_, 128), 0);
	return socket_;
}

static int
listen_on_tcp(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(socket_, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(socket_, 128), 0);
	assert_int_equal(getsockname(socket_, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return socket_;
}

void
ring_tell(struct fake_ring *ring, enum ipc_type type, const void *body, int descriptor)
{
	struct error error;

	if (channel_send(&ring->parent, type, body, descriptor, &error) != 0)
		ring_give_up(ring, error.text);
}

void
ring_send_settings(struct fake_ring *ring, const struct config *config)
{
	struct error error;
	int memfd = config_to_memfd(config, &error);

	assert_true(memfd >= 0);
	ring_tell(ring, IPC_SETTINGS, NULL, memfd);
	close(memfd);
}

static void
send_keys(struct fake_ring *ring)
{
	static struct fake_certificate certificate;
	static struct ipc_keys_header header;
	int memfd = memfd_create("keys", MFD_CLOEXEC);
	FILE *file = fdopen(memfd, "w");

	if (certificate.chain[0] == '\0')
		fake_certificate_make(&certificate, &(struct fake_certificate_wish){ .names = "DNS:mx.example" });
	header.count = 1;
	header.pairs[0].chain_size = (uint32_t)strlen(certificate.chain);
	header.pairs[0].key_size = (uint32_t)strlen(certificate.key);
	fwrite(&header, sizeof(header), 1, file);
	fprintf(file, "%s%s", certificate.chain, certificate.key);
	fflush(file);
	ring_tell(ring, IPC_KEYS, NULL, memfd);
	fclose(file);
}

static void
send_listeners(struct fake_ring *ring)
{
	static const uint32_t modes[] = { CONFIG_TLS_NONE, CONFIG_TLS_STLS, CONFIG_TLS_IMPLICIT, CONFIG_TLS_NONE };

	for (int port = 0; port < PORT_COUNT; port++) {
		struct ipc_listener listener = { .generation = 1, .tls = modes[port], .protocol = CONFIG_LMTP };

		snprintf(listener.address, sizeof(listener.address), "listener-%d", port);
		ring_tell(ring, IPC_LISTENER, &listener, ring->listeners[port]);
	}
	ring_tell(ring, IPC_ACCEPT, &(struct ipc_accept){ .generation = 1 }, -1);
}

static int
channel_pair(struct fake_ring *ring, struct ipc_channel *ours, enum ipc_role role, uint32_t slot)
{
	struct ipc_channel_for channel = { .role = role, .slot = slot };
	struct error error;
	int ends[2];

	channel_close(ours);
	assert_int_equal(ipc_pair(ends, &error), 0);
	channel_open(ours, ends[0], role, IPC_LMTP);
	ring_tell(ring, IPC_CHANNEL, &channel, ends[1]);
	close(ends[1]);
	return 0;
}

void
ring_new_auth(struct fake_ring *ring)
{
	channel_pair(ring, &ring->auth, IPC_AUTH, 0);
}

void
ring_new_door(struct fake_ring *ring, uint32_t number)
{
	channel_pair(ring, &ring->doors[number % 2], IPC_MAILDROP, number);
}

void
ring_door_closes(struct fake_ring *ring, uint32_t number)
{
	channel_close(&ring->doors[number % 2]);
}

static void
start_program(struct fake_ring *ring, int control)
{
	ring->pid = fork();
	assert_true(ring->pid >= 0);
	if (ring->pid > 0)
		return;
	if (ring->file_size_max > 0) {
		struct rlimit limit = { ring->file_size_max, ring->file_size_max };

		setrlimit(RLIMIT_FSIZE, &limit);
	}
	if (ring->patience != NULL)
		setenv("RESTANTE_LMTP_PATIENCE_MILLISECONDS", ring->patience, 1);
	/* Above all others first: one of them may be the place of another. */
	control = fcntl(control, F_DUPFD, 100);
	dup2(fcntl(ring->log, F_DUPFD, 100), 2);
	dup2(control, 3);
	close_range(4, ~0U, 0);
	execl(fake_lmtp_program, "restante-lmtp", "--spool", ring->spool, (char *)NULL);
	_exit(127);
}

void
ring_start(struct fake_ring *ring, const struct config *config)
{
	struct error error;
	int ends[2];

	ring->auth.descriptor = ring->doors[0].descriptor = ring->doors[1].descriptor = -1;
	ring->config = *config;
	snprintf(ring->directory, sizeof(ring->directory), "/tmp/lmtp_test_XXXXXX");
	assert_non_null(mkdtemp(ring->directory));
	snprintf(ring->spool, sizeof(ring->spool), "%s/spool", ring->directory);
	assert_int_equal(mkdir(ring->spool, 0700), 0);
	ring->log = memfd_create("log", MFD_CLOEXEC);
	assert_true(fcntl(ring->log, F_SETFL, O_APPEND) == 0);
	for (int port = 0; port < PORT_UNIX; port++)
		ring->listeners[port] = listen_on_tcp(&ring->ports[port]);
	ring->listeners[PORT_UNIX] = listen_on_unix(ring);
	assert_int_equal(ipc_pair(ends, &error), 0);
	start_program(ring, ends[1]);
	close(ends[1]);
	channel_open(&ring->parent, ends[0], IPC_PARENT, IPC_LMTP);
	ring_send_settings(ring, config);
	if (config->certificate_count > 0)
		send_keys(ring);
	ring_new_auth(ring);
	ring_new_door(ring, FIRST_DOOR);
	ring_new_door(ring, FIRST_DOOR + 1);
	send_listeners(ring);
	while (!ring->ready)
		if (!ring_serve(ring, PATIENCE_MILLISECONDS))
			ring_give_up(ring, "it does not get ready");
}

void
ring_wait(struct fake_ring *ring)
{
	char path[128];
	int status;

	assert_int_equal(waitpid(ring->pid, &status, 0), ring->pid);
	ring->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	if (ring->exit_status != 0)
		ring_give_up(ring, "it ended badly");
	channel_close(&ring->parent);
	channel_close(&ring->auth);
	channel_close(&ring->doors[0]);
	channel_close(&ring->doors[1]);
	for (int port = 0; port < PORT_COUNT; port++)
		close(ring->listeners[port]);
	close(ring->log);
	snprintf(path, sizeof(path), "%s/lmtp", ring->directory);
	unlink(path);
	/* Fails where something was left behind. */
	assert_int_equal(rmdir(ring->spool), 0);
	assert_int_equal(rmdir(ring->directory), 0);
}

void
ring_stop(struct fake_ring *ring, unsigned grace_seconds)
{
	ring_tell(ring, IPC_STOP, &(struct ipc_stop){ grace_seconds }, -1);
	ring_wait(ring);
}

void
ring_sync(struct fake_ring *ring)
{
	struct ipc_report report = { .ticket = 1, .kind = IPC_REPORT_COUNTS };

	ring->report_ended = false;
	ring->row_count = 0;
	ring_tell(ring, IPC_REPORT, &report, -1);
	while (!ring->report_ended)
		if (!ring_serve(ring, PATIENCE_MILLISECONDS))
			ring_give_up(ring, "it does not hear");
}

static bool
log_has(const struct fake_ring *ring, const char *text)
{
	static char log[1 << 22];
	ssize_t n = pread(ring->log, log, sizeof(log) - 1, 0);

	assert_true(n >= 0);
	log[n] = '\0';
	return strstr(log, text) != NULL;
}

bool
ring_logged(struct fake_ring *ring, const char *text)
{
	for (int waited = 0; !log_has(ring, text); waited++) {
		if (waited == PATIENCE_MILLISECONDS)
			return false;
		ring_serve(ring, 0);
		usleep(1000);
	}
	return true;
}

unsigned
ring_descriptors(struct fake_ring *ring)
{
	char path[64];
	unsigned count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)ring->pid);
	directory = opendir(path);
	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

void
ring_await_descriptors(struct fake_ring *ring, unsigned count)
{
	unsigned have;

	for (int i = 0; (have = ring_descriptors(ring)) != count; i++) {
		if (i == PATIENCE_MILLISECONDS / 10) {
			print_error("%u descriptors and not %u\n", have, count);
			ring_give_up(ring, "descriptors are left open");
		}
		ring_serve(ring, 10);
	}
}

unsigned long
ring_memory(struct fake_ring *ring)
{
	unsigned long size, resident;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)ring->pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
	fclose(file);
	return resident * 4;
}

static void
on_parent(struct fake_ring *ring, struct ipc_message *message, uint32_t number)
{
	(void)number;
	switch (message->type) {
	case IPC_READY:
		ring->ready++;
		break;
	case IPC_CHANNEL_LOST:
		if (message->body.channel.role == IPC_AUTH)
			ring->channels_lost++;
		else
			ring->doors_lost++;
		break;
	case IPC_ROW:
		assert_true(ring->row_count < 8);
		ring->rows[ring->row_count++] = message->body.row;
		break;
	case IPC_REPORT_END:
		ring->report_ended = true;
		break;
	default:
		fail_msg("the parent was sent message %d", (int)message->type);
	}
}

/* What becomes of a user depends on the beginning of the name; c.. has another maildrop process than others. */
static void
on_auth(struct fake_ring *ring, struct ipc_message *message, uint32_t number)
{
	static const struct {
		const char *name;
		enum error_kind kind;
	} refusals[] = { { "unknown", ERROR_GONE }, { "disabled", ERROR_DENIED }, { "temporary", ERROR_TEMPORARY },
		{ "permanent", ERROR_PERMANENT } };
	struct ipc_recipient_refused refused;
	struct ipc_recipient_found found;
	struct error error;

	(void)number;
	assert_int_equal(message->type, IPC_RECIPIENT);
	ring->recipient = message->body.recipient;
	ring->asked_count++;
	if (ring->silent_auth)
		return;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (strncmp(ring->recipient.user, refusals[i].name, strlen(refusals[i].name)) != 0)
			continue;
		memset(&refused, 0, sizeof(refused));
		refused.delivery = ring->recipient.delivery;
		refused.kind = refusals[i].kind;
		assert_int_equal(channel_send(&ring->auth, IPC_RECIPIENT_REFUSED, &refused, -1, &error), 0);
		return;
	}
	memset(&found, 0, sizeof(found));
	found.delivery = ring->recipient.delivery;
	snprintf(found.warrant.user, sizeof(found.warrant.user), "%s", ring->recipient.user);
	snprintf(found.warrant.place, sizeof(found.warrant.place), "maildir:/mail/%.100s", ring->recipient.user);
	found.warrant.maildrop = ring->recipient.user[0] == 'c' ? FIRST_DOOR + 1 : FIRST_DOOR;
	found.warrant.seal[0] = 77;
	assert_int_equal(channel_send(&ring->auth, IPC_RECIPIENT_FOUND, &found, -1, &error), 0);
}

static void
take_piece(struct fake_delivery *delivery, const unsigned char *piece, size_t size)
{
	if (delivery->octets == 0)
		memcpy(delivery->text, piece, size < sizeof(delivery->text) ? size : sizeof(delivery->text) - 1);
	for (size_t i = 0; i < size; i++)
		delivery->sum = delivery->sum * 31 + piece[i];
	delivery->octets += size;
}

/* Behind the message there is nothing that does not belong to it. */
static void
take_text(struct fake_delivery *delivery, const struct ipc_deliver_text *text)
{
	delivery->copied = true;
	take_piece(delivery, text->text, text->size);
	for (size_t i = text->size; i < sizeof(text->text); i++)
		assert_int_equal(text->text[i], 0);
}

/* From its start, whatever the offset of the descriptor. */
static void
read_message(struct fake_delivery *delivery, int descriptor)
{
	static unsigned char piece[1 << 16];
	ssize_t n;

	while ((n = pread(descriptor, piece, sizeof(piece), (off_t)delivery->octets)) > 0)
		take_piece(delivery, piece, (size_t)n);
	assert_int_equal(n, 0);
	delivery->writable = pwrite(descriptor, "x", 1, 0) == 1;
}

void
ring_answer(struct fake_ring *ring, unsigned index, enum error_kind kind)
{
	struct fake_delivery *delivery = &ring->deliveries[index];
	struct ipc_delivered delivered;
	struct error error;

	memset(&delivered, 0, sizeof(delivered));
	delivered.delivery = delivery->message.delivery;
	delivered.kind = kind;
	snprintf(delivered.text, sizeof(delivered.text), "%s", kind == ERROR_NONE ? "" : "the fake said so");
	delivery->answered = true;
	assert_int_equal(channel_send(&ring->doors[delivery->maildrop % 2], IPC_DELIVERED, &delivered, -1, &error),
	    0);
}

static void
on_door(struct fake_ring *ring, struct ipc_message *message, uint32_t number)
{
	static const struct {
		const char *name;
		enum error_kind kind;
	} failures[] = { { "full", ERROR_FULL }, { "broken", ERROR_PERMANENT }, { "later", ERROR_TEMPORARY } };
	struct fake_delivery *delivery = &ring->deliveries[ring->delivery_count++ % DELIVERIES_KEPT];
	enum error_kind kind = ERROR_NONE;

	memset(delivery, 0, sizeof(*delivery));
	delivery->message = message->body.deliver;
	memcpy(delivery->head, message->body.deliver.head, message->body.deliver.head_size);
	delivery->maildrop = number;
	if (message->type == IPC_DELIVER_TEXT) {
		take_text(delivery, &message->body.deliver_text);
	} else {
		assert_int_equal(message->type, IPC_DELIVER);
		read_message(delivery, message->descriptor);
	}
	if (ring->dies_at_delivery) {
		ring_new_door(ring, number);
		return;
	}
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (strncmp(delivery->message.warrant.user, failures[i].name, strlen(failures[i].name)) == 0)
			kind = failures[i].kind;
	if (ring->denials > 0) {
		ring->denials--;
		kind = ring->denial;
	}
	if (!ring->hold)
		ring_answer(ring, (ring->delivery_count - 1) % DELIVERIES_KEPT, kind);
}

static void
serve_channel(struct fake_ring *ring, struct ipc_channel *channel, uint32_t number,
    void (*on_message)(struct fake_ring *, struct ipc_message *, uint32_t))
{
	struct ipc_message message;
	struct error error;
	int got;

	while (channel->descriptor >= 0 && (got = channel_receive(channel, &message, &error)) != 0) {
		if (got < 0) {
			channel_close(channel);
			return;
		}
		on_message(ring, &message, number);
		if (message.descriptor >= 0)
			close(message.descriptor);
	}
}

bool
ring_serve_with(struct fake_ring *ring, int milliseconds, int also, short events)
{
	struct pollfd polls[5] = {
		{ .fd = ring->parent.descriptor, .events = POLLIN },
		{ .fd = ring->auth.descriptor, .events = POLLIN },
		{ .fd = ring->doors[0].descriptor, .events = POLLIN },
		{ .fd = ring->doors[1].descriptor, .events = POLLIN },
		{ .fd = also, .events = events },
	};

	if (poll(polls, 5, milliseconds) <= 0)
		return false;
	if (polls[0].revents != 0)
		serve_channel(ring, &ring->parent, 0, on_parent);
	if (polls[1].revents != 0)
		serve_channel(ring, &ring->auth, 0, on_auth);
	for (uint32_t i = 0; i < 2; i++)
		if (polls[2 + i].revents != 0)
			serve_channel(ring, &ring->doors[i],
			    i == FIRST_DOOR % 2 ? FIRST_DOOR : FIRST_DOOR + 1, on_door);
	return true;
}

bool
ring_serve(struct fake_ring *ring, int milliseconds)
{
	return ring_serve_with(ring, milliseconds, -1, 0);
}

void
ring_await_deliveries(struct fake_ring *ring, unsigned count)
{
	while (ring->delivery_count < count)
		if (!ring_serve(ring, PATIENCE_MILLISECONDS))
			ring_give_up(ring, "nothing is delivered");
}

struct fake_user *
user_connect(struct fake_ring *ring, enum fake_port port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(ring->ports[port]),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct fake_user *user = calloc(1, sizeof(*user));
	bool path = port == PORT_UNIX;

	assert_non_null(user);
	snprintf(un.sun_path, sizeof(un.sun_path), "%.60s/lmtp", ring->directory);
	user->ring = ring;
	user->socket = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(user->socket, path ? (struct sockaddr *)&un : (struct sockaddr *)&in,
	    path ? sizeof(un) : sizeof(in)), 0);
	assert_int_equal(fcntl(user->socket, F_SETFL, O_NONBLOCK), 0);
	return user;
}

void
user_starts_tls(struct fake_user *user)
{
	int done;

	user->tls = fake_client_new(user->socket, &(struct fake_client_wish){ .version_max = 0 });
	while ((done = fake_client_handshake(user->tls)) == 0)
		if (!ring_serve_with(user->ring, PATIENCE_MILLISECONDS, user->socket, POLLIN))
			ring_give_up(user->ring, "the handshake hangs");
	assert_int_equal(done, 1);
}

void
user_sends(struct fake_user *user, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = user->tls != NULL ? fake_client_write(user->tls, text, (int)size) :
		    send(user->socket, text, size, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			size -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return;
		} else if (!ring_serve_with(user->ring, PATIENCE_MILLISECONDS, user->socket, POLLOUT)) {
			ring_give_up(user->ring, "nobody listens");
		}
	}
}

void
user_says(struct fake_user *user, const char *text)
{
	user_sends(user, text, strlen(text));
}

static size_t
hear(struct fake_user *user, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = user->tls != NULL ? fake_client_read(user->tls, text + used, (int)(size - used)) :
		    recv(user->socket, text + used, size - used, 0);

		if (n > 0) {
			used += (size_t)n;
			continue;
		}
		if (n == 0 || n == -2 || (user->tls == NULL && errno == ECONNRESET))
			break;
		if (!ring_serve_with(user->ring, PATIENCE_MILLISECONDS, user->socket, POLLIN)) {
			text[used] = '\0';
			ring_give_up(user->ring, text);
		}
	}
	text[used] = '\0';
	return used;
}

void
user_expects(struct fake_user *user, const char *text)
{
	size_t size = strlen(text);
	char *heard = malloc(size + 1);

	assert_non_null(heard);
	hear(user, heard, size);
	if (strcmp(heard, text) != 0) {
		print_error("expected:\n%s\nheard:\n%s\n", text, heard);
		ring_give_up(user->ring, "something else was said");
	}
	free(heard);
}

void
user_expects_reply(struct fake_user *user, const char *beginning)
{
	char line[1024];
	size_t used;

	do {
		used = 0;
		while (used < sizeof(line) - 1 && hear(user, line + used, 1) == 1 && line[used++] != '\n')
			continue;
		line[used] = '\0';
	} while (used > 3 && line[3] == '-');
	if (strncmp(line, beginning, strlen(beginning)) != 0) {
		print_error("expected: %s\nheard: %s\n", beginning, line);
		ring_give_up(user->ring, "something else was said");
	}
}

void
user_expects_end(struct fake_user *user)
{
	char rest[256];

	hear(user, rest, sizeof(rest) - 1);
	assert_string_equal(rest, "");
}

void
user_leaves(struct fake_user *user)
{
	fake_client_free(user->tls);
	close(user->socket);
	free(user);
}
