/* See fake_ring.h. */

#include "login/fake_ring.h"

#include <arpa/inet.h>
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

const char *fake_login_program;
struct fake_certificates fake_certificates;

int
fake_certificates_make(void **state)
{
	(void)state;
	fake_certificate_make(&fake_certificates.ec,
	    &(struct fake_certificate_wish){ .names = "DNS:pop.example" });
	fake_certificate_make(&fake_certificates.rsa,
	    &(struct fake_certificate_wish){ .rsa = true, .names = "DNS:pop.example" });
	return 0;
}

/* Fails with what the program logged, because that mostly says why. */
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
	snprintf(config->hostname, sizeof(config->hostname), "pop.example");
	snprintf(config->greeting, sizeof(config->greeting), "ready");
	snprintf(config->implementation, sizeof(config->implementation), "test");
	snprintf(config->sasl_mechanisms, sizeof(config->sasl_mechanisms), "PLAIN LOGIN");
	config->plaintext_logins = CONFIG_PLAINTEXT_ALWAYS;
	config->apop = 0;
	config->bad_commands_max = 4;
	config->bad_command_delay_milliseconds = 0;
	config->log_level = 2;
	config->certificate_count = 2;
}

static void
listen_somewhere(struct fake_ring *ring, enum fake_port port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(socket_ >= 0);
	assert_int_equal(bind(socket_, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(socket_, 128), 0);
	assert_int_equal(getsockname(socket_, (struct sockaddr *)&address, &size), 0);
	ring->listeners[port] = socket_;
	ring->ports[port] = ntohs(address.sin_port);
}

static void
tell(struct fake_ring *ring, enum ipc_type type, const void *body, int descriptor)
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
	tell(ring, IPC_SETTINGS, NULL, memfd);
	close(memfd);
}

void
ring_send_keys(struct fake_ring *ring, const struct fake_certificate *const pairs[], size_t count)
{
	static struct ipc_keys_header header;
	int memfd = memfd_create("keys", MFD_CLOEXEC);
	FILE *file = fdopen(memfd, "w");

	memset(&header, 0, sizeof(header));
	header.count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		header.pairs[i].chain_size = (uint32_t)strlen(pairs[i]->chain);
		header.pairs[i].key_size = (uint32_t)strlen(pairs[i]->key);
		snprintf(header.pairs[i].name, PATH_SIZE, "pair-%zu.pem", i + 1);
	}
	fwrite(&header, sizeof(header), 1, file);
	for (size_t i = 0; i < count; i++)
		fprintf(file, "%s%s", pairs[i]->chain, pairs[i]->key);
	fflush(file);
	tell(ring, IPC_KEYS, NULL, memfd);
	fclose(file);
}

void
ring_send_listeners(struct fake_ring *ring, uint32_t generation)
{
	static const uint32_t modes[] = { CONFIG_TLS_NONE, CONFIG_TLS_STLS, CONFIG_TLS_IMPLICIT };
	struct ipc_accept accept = { .generation = generation };

	for (int port = 0; port < PORT_COUNT; port++) {
		if (ring->listeners[port] < 0)
			continue;
		struct ipc_listener listener = { .generation = generation, .tls = modes[port] };

		snprintf(listener.address, sizeof(listener.address), "127.0.0.1:%u",
		    ring->ports[port]);
		tell(ring, IPC_LISTENER, &listener, ring->listeners[port]);
	}
	tell(ring, IPC_ACCEPT, &accept, -1);
}

void
ring_sync(struct fake_ring *ring)
{
	struct ipc_report report = { .ticket = 0, .kind = IPC_REPORT_SESSIONS };

	ring->report_ended = false;
	tell(ring, IPC_REPORT, &report, -1);
	while (!ring->report_ended)
		if (!ring_serve(ring, PATIENCE_MILLISECONDS))
			ring_give_up(ring, "it does not hear");
}

void
ring_new_auth(struct fake_ring *ring)
{
	struct ipc_channel_for channel = { .role = IPC_AUTH };
	struct error error;
	int ends[2];

	channel_close(&ring->auth);
	assert_int_equal(ipc_pair(ends, &error), 0);
	channel_open(&ring->auth, ends[0], IPC_AUTH, IPC_LOGIN);
	tell(ring, IPC_CHANNEL, &channel, ends[1]);
	close(ends[1]);
}

void
ring_auth_dies(struct fake_ring *ring)
{
	channel_close(&ring->auth);
}

void
ring_new_door(struct fake_ring *ring, uint32_t number)
{
	struct ipc_channel_for channel = { .role = IPC_MAILDROP, .slot = number };
	struct error error;
	int ends[2];

	channel_close(&ring->door);
	assert_int_equal(ipc_pair(ends, &error), 0);
	channel_open(&ring->door, ends[0], IPC_MAILDROP, IPC_LOGIN);
	ring->door_number = number;
	tell(ring, IPC_CHANNEL, &channel, ends[1]);
	close(ends[1]);
}

void
ring_door_closes(struct fake_ring *ring)
{
	channel_close(&ring->door);
}

static void
start_program(struct fake_ring *ring, int control, const char *argument)
{
	ring->pid = fork();
	assert_true(ring->pid >= 0);
	if (ring->pid > 0)
		return;
	/* Above all others first: one of them may be the place of another. */
	control = fcntl(control, F_DUPFD, 100);
	dup2(fcntl(ring->log, F_DUPFD, 100), 2);
	dup2(control, 3);
	close_range(4, ~0U, 0);
	execl(fake_login_program, "restante-login", argument, (char *)NULL);
	_exit(127);
}

void
ring_start(struct fake_ring *ring, const struct config *config,
    const struct fake_certificates *certificates)
{
	static const struct ipc_ticket_keys tickets = { .count = 1,
		.keys = { { { 1 }, { 2 }, { 3 } } } };
	struct error error;
	int ends[2];

	memset(ring, 0, sizeof(*ring));
	ring->auth.descriptor = ring->door.descriptor = -1;
	for (int i = 0; i < FAKE_MAILDROPS_MAX; i++)
		ring->maildrops[i].stream = -1;
	ring->config = *config;
	ring->log = memfd_create("log", MFD_CLOEXEC);
	assert_true(fcntl(ring->log, F_SETFL, O_APPEND) == 0);
	for (int port = 0; port < PORT_COUNT; port++)
		listen_somewhere(ring, (enum fake_port)port);
	assert_int_equal(ipc_pair(ends, &error), 0);
	start_program(ring, ends[1], NULL);
	close(ends[1]);
	channel_open(&ring->parent, ends[0], IPC_PARENT, IPC_LOGIN);
	ring_send_settings(ring, config);
	if (certificates != NULL) {
		ring_send_keys(ring,
		    (const struct fake_certificate *[]){ &certificates->ec, &certificates->rsa },
		    2);
		tell(ring, IPC_TICKET_KEYS, &tickets, -1);
	}
	ring_new_auth(ring);
	ring_new_door(ring, 7);
	ring_send_listeners(ring, 1);
	while (!ring->ready)
		if (!ring_serve(ring, PATIENCE_MILLISECONDS))
			ring_give_up(ring, "it does not get ready");
}

void
ring_check(struct fake_ring *ring, const struct config *config,
    const struct fake_certificate *const pairs[], size_t count)
{
	struct error error;
	int ends[2], status;

	memset(ring, 0, sizeof(*ring));
	ring->log = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ipc_pair(ends, &error), 0);
	start_program(ring, ends[1], "--check");
	close(ends[1]);
	channel_open(&ring->parent, ends[0], IPC_PARENT, IPC_LOGIN);
	ring_send_settings(ring, config);
	ring_send_keys(ring, pairs, count);
	assert_int_equal(waitpid(ring->pid, &status, 0), ring->pid);
	ring->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	channel_close(&ring->parent);
}

void
ring_wait(struct fake_ring *ring)
{
	int status;

	assert_int_equal(waitpid(ring->pid, &status, 0), ring->pid);
	ring->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	if (ring->exit_status != 0)
		ring_give_up(ring, "it ended badly");
	channel_close(&ring->parent);
	channel_close(&ring->auth);
	channel_close(&ring->door);
	for (int port = 0; port < PORT_COUNT; port++)
		if (ring->listeners[port] >= 0)
			close(ring->listeners[port]);
	for (int i = 0; i < FAKE_MAILDROPS_MAX; i++)
		if (ring->maildrops[i].stream >= 0)
			close(ring->maildrops[i].stream);
	fake_session_free(ring->ticket);
	close(ring->log);
}

void
ring_hold(struct fake_ring *ring)
{
	int status;

	assert_int_equal(kill(ring->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(ring->pid, &status, WUNTRACED), ring->pid);
}

void
ring_go_on(struct fake_ring *ring)
{
	assert_int_equal(kill(ring->pid, SIGCONT), 0);
}

void
ring_stop(struct fake_ring *ring)
{
	struct ipc_stop stop = { .grace_seconds = 0 };

	tell(ring, IPC_STOP, &stop, -1);
	ring_wait(ring);
}

bool
ring_has_logged(struct fake_ring *ring, const char *text)
{
	static char log[1 << 20];
	ssize_t n = pread(ring->log, log, sizeof(log) - 1, 0);

	assert_true(n >= 0);
	log[n] = '\0';
	return strstr(log, text) != NULL;
}

bool
ring_logged(struct fake_ring *ring, const char *text)
{
	for (int waited = 0; !ring_has_logged(ring, text); waited++) {
		if (waited == PATIENCE_MILLISECONDS)
			return false;
		usleep(1000);
	}
	return true;
}

static void
on_parent(struct fake_ring *ring, struct ipc_message *message)
{
	switch (message->type) {
	case IPC_READY:
		ring->ready++;
		break;
	case IPC_CHANNEL_LOST:
		if (message->body.channel.role == IPC_AUTH)
			ring->channels_lost++;
		else if (message->body.channel.slot == ring->door_number)
			ring->doors_lost++;
		break;
	case IPC_ROW:
		assert_true(ring->row_count < 4);
		ring->rows[ring->row_count++] = message->body.row;
		break;
	case IPC_REPORT_END:
		ring->report_end = message->body.report_end;
		ring->report_ended = true;
		break;
	default:
		fail_msg("the parent was sent message %d", (int)message->type);
	}
}

static void
serve_channel(struct fake_ring *ring, struct ipc_channel *channel,
    void (*on_message)(struct fake_ring *, struct ipc_message *))
{
	struct ipc_message message;
	struct error error;
	int got;

	while (
	    channel->descriptor >= 0 && (got = channel_receive(channel, &message, &error)) != 0) {
		if (got < 0) {
			channel_close(channel);
			return;
		}
		on_message(ring, &message);
	}
}

bool
maildrop_says(const struct fake_maildrop *maildrop, enum pair_type type, const void *data, size_t size)
{
	if (pair_send(maildrop->stream, type, maildrop->handover.session, data, size) == 0)
		return true;
	assert_int_equal(errno, EAGAIN);
	return false;
}

ssize_t
maildrop_hears(const struct fake_maildrop *maildrop, void *data, size_t size)
{
	struct pair_head head;
	ssize_t n = pair_receive(maildrop->stream, &head, data, size);

	if (n >= 0) {
		assert_int_equal(head.type, PAIR_OCTETS);
		assert_int_equal(head.session, maildrop->handover.session);
	}
	return n;
}

void
maildrop_await(struct fake_ring *ring, const struct fake_maildrop *maildrop)
{
	struct pollfd polled = { .fd = maildrop->stream, .events = POLLIN };

	while (poll(&polled, 1, 0) == 0)
		ring_serve(ring, 10);
}

void
maildrop_closes(struct fake_maildrop *maildrop)
{
	close(maildrop->stream);
	maildrop->stream = -1;
	maildrop->parked = false;
}

static void
maildrop_part(const struct fake_ring *ring, struct fake_maildrop *maildrop)
{
	if (!ring->parting) {
		maildrop_closes(maildrop);
		return;
	}
	assert_true(maildrop_says(maildrop, PAIR_LAST, NULL, 0));
	maildrop->parked = true;
}

/* Whoever was handed over in clear text is answered on its own socket, and let go. */
static void
maildrop_open(const struct fake_ring *ring, struct fake_maildrop *maildrop)
{
	char welcome[EARLY_SIZE + 64];

	maildrop->clear = !maildrop->handover.pumped;
	snprintf(welcome, sizeof(welcome), "+OK open [%s]\r\n", maildrop->early);
	if (maildrop->clear) {
		assert_true(write(maildrop->stream, welcome, strlen(welcome)) > 0);
		maildrop_closes(maildrop);
		return;
	}
	assert_true(maildrop_says(maildrop, PAIR_OCTETS, welcome, strlen(welcome)));
	if (strstr(maildrop->early, "QUIT\r\n") != NULL)
		maildrop_part(ring, maildrop);
}

static void
on_door(struct fake_ring *ring, struct ipc_message *message)
{
	struct fake_maildrop *maildrop = ring->maildrops;

	if (message->type == IPC_EARLY) {
		ring->early = message->body.early;
		return;
	}
	assert_int_equal(message->type, IPC_HANDOVER);
	while (maildrop->stream >= 0)
		assert_true(++maildrop < ring->maildrops + FAKE_MAILDROPS_MAX);
	memset(maildrop, 0, sizeof(*maildrop));
	maildrop->stream = message->descriptor;
	maildrop->handover = message->body.handover;
	if (ring->early.session == maildrop->handover.session) {
		maildrop->early_size = ring->early.size;
		memcpy(maildrop->early, ring->early.data, maildrop->early_size);
	}
	maildrop_open(ring, maildrop);
}

/* The next session on the same pair; or what login still says of the last one. */
static void
maildrop_again(const struct fake_ring *ring, struct fake_maildrop *maildrop)
{
	struct {
		struct ipc_handover handover;
		char early[EARLY_SIZE];
	} body;
	struct pair_head head;
	ssize_t n = pair_receive(maildrop->stream, &head, &body, sizeof(body));

	if (n < 0) {
		assert_int_equal(errno, EPIPE);
		maildrop_closes(maildrop);
		return;
	}
	if (head.type == PAIR_OCTETS)
		return;
	assert_int_equal(head.type, PAIR_HANDOVER);
	assert_true((size_t)n >= sizeof(body.handover));
	assert_int_equal(head.session, body.handover.session);
	*maildrop = (struct fake_maildrop){ .stream = maildrop->stream, .handover = body.handover,
		.early_size = (size_t)n - sizeof(body.handover) };
	memcpy(maildrop->early, body.early, maildrop->early_size);
	maildrop_open(ring, maildrop);
}

/* Says again what it hears, until it hears "QUIT". */
static void
maildrop_serve(const struct fake_ring *ring, struct fake_maildrop *maildrop)
{
	char text[PAIR_COMMANDS_MAX + 1];
	ssize_t n;

	if (maildrop->parked) {
		maildrop_again(ring, maildrop);
		return;
	}
	n = maildrop_hears(maildrop, text, sizeof(text) - 1);
	if (n < 0 && errno != EAGAIN)
		maildrop_closes(maildrop);
	if (n <= 0)
		return;
	assert_true(maildrop_says(maildrop, PAIR_OCTETS, text, (size_t)n));
	text[n] = '\0';
	if (strstr(text, "QUIT\r\n") != NULL)
		maildrop_part(ring, maildrop);
}

bool
ring_serve_with(struct fake_ring *ring, int milliseconds, int also, short events)
{
	struct pollfd polls[4 + FAKE_MAILDROPS_MAX] = {
		{ .fd = ring->parent.descriptor, .events = POLLIN },
		{ .fd = ring->auth.descriptor, .events = POLLIN },
		{ .fd = also, .events = events },
		{ .fd = ring->idle_maildrops ? -1 : ring->door.descriptor, .events = POLLIN },
	};

	for (int i = 0; i < FAKE_MAILDROPS_MAX; i++)
		polls[4 + i] = (struct pollfd){ .fd = ring->idle_maildrops ? -1 :
			ring->maildrops[i].stream, .events = POLLIN };
	if (poll(polls, 4 + FAKE_MAILDROPS_MAX, milliseconds) <= 0)
		return false;
	if (polls[0].revents != 0)
		serve_channel(ring, &ring->parent, on_parent);
	if (polls[1].revents != 0)
		serve_channel(ring, &ring->auth, fake_auth_hear);
	if (polls[3].revents != 0)
		serve_channel(ring, &ring->door, on_door);
	for (int i = 0; i < FAKE_MAILDROPS_MAX; i++)
		if (polls[4 + i].revents != 0)
			maildrop_serve(ring, &ring->maildrops[i]);
	return true;
}

bool
ring_serve(struct fake_ring *ring, int milliseconds)
{
	return ring_serve_with(ring, milliseconds, -1, 0);
}
