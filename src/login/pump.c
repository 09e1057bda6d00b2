/*
 * See pump.h. A pump at rest keeps no buffer. The octets lie in login->relay; only what the other
 * side does not take at once is kept, and then nothing more is read from this side.
 *
 * A socket that is closed while its client still sends is reset, and what the client has not taken
 * yet is lost. So when the maildrop has ended a pump may linger: the client sees the end behind all
 * that was sent, and what it still says is read and dropped until it hangs up.
 */

#include "login/pump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "login/connection.h"
#include "login/doors.h"
#include "login/login.h"
#include "pop3/reply.h"

/*
 * What is taken from the maildrop at once: much while the client keeps up, because a system call
 * costs more than the copying; little when it is slow, because that is what must be kept for it.
 */
#define CHUNK_MIN 16384
#define CHUNK_MAX TLS_WRITE_MAX
#define COMMANDS_SIZE 16384
#define LINGER_OCTETS 4096	/* so much may be unsent at a close; it is gone in a moment */

struct pump {
	struct grave grave;
	struct login *login;
	struct watch client, pair;
	struct deadline deadline;	/* in login->pumps or login->slow */
	struct stream stream;
	uint64_t session;
	char *stuck;			/* for the maildrop, which does not read */
	size_t stuck_size;
	size_t chunk;
	int socket;			/* to the maildrop; -1: closed */
	bool client_ended, pair_ended, slow, ended;
	bool unheard;			/* the maildrop went without reading all that the client said */
	bool lingering;
};

static void
close_pair(struct pump *pump)
{
	watch_end(&pump->pair);
	if (pump->socket >= 0)
		close(pump->socket);
	pump->socket = -1;
	free(pump->stuck);
	pump->stuck = NULL;
	pump->stuck_size = 0;
}

static void
pump_end(struct pump *pump, const char *reason)
{
	struct login *login = pump->login;

	if (pump->ended)
		return;
	LOG(LOG_LEVEL_DEBUG, "pump-end", LOG_SESSION(pump->session), LOG_TEXT("reason", reason));
	pump->ended = true;
	deadlines_remove(pump->slow ? &login->slow : &login->pumps, &pump->deadline);
	watch_end(&pump->client);
	close_pair(pump);
	stream_close(&pump->stream);
	loop_bury(&login->loop, &pump->grave);
	login_stop_if_idle(login);
}

static struct pump *
pump_of(struct deadline *deadline)
{
	return (struct pump *)((char *)deadline - offsetof(struct pump, deadline));
}

void
pump_expired(struct deadline *deadline)
{
	pump_end(pump_of(deadline), "the client takes nothing");
}

void
pumps_end(struct login *login)
{
	struct deadline *deadline;

	while ((deadline = deadlines_first(&login->pumps)) != NULL ||
	    (deadline = deadlines_first(&login->slow)) != NULL)
		pump_end(pump_of(deadline), "stopping");
}

static void
set_time(struct pump *pump, bool slow)
{
	struct login *login = pump->login;

	deadlines_remove(pump->slow ? &login->slow : &login->pumps, &pump->deadline);
	if (slow)
		deadlines_add(&login->slow, &pump->deadline,
		    login->loop.now + login->settings.write_timeout_seconds * 1000);
	else
		deadlines_add(&login->pumps, &pump->deadline, DEADLINE_NEVER);
	pump->slow = slow;
}

/* Every time that the client takes something it gets as much time again. */
static void
keep_time(struct pump *pump, bool moved)
{
	bool slow = pump->stream.stuck;

	if (slow != pump->slow || (slow && moved))
		set_time(pump, slow);
}

/* All of it has been sent, but the client has not taken it yet, or says what nobody will hear. */
static bool
takes_long(const struct pump *pump)
{
	int unsent = 0, unread = 0;

	return pump->unheard || stream_pending(&pump->stream) ||
	    (ioctl(pump->stream.socket, FIONREAD, &unread) == 0 && unread > 0) ||
	    (ioctl(pump->stream.socket, TIOCOUTQ, &unsent) == 0 && unsent > LINGER_OCTETS);
}

/* The maildrop has ended it. */
static void
part(struct pump *pump)
{
	if (!takes_long(pump) || stream_finish(&pump->stream) < 0) {
		pump_end(pump, "the maildrop has ended it");
		return;
	}
	pump->lingering = true;
	close_pair(pump);
	set_time(pump, true);
	watch_for(&pump->client, EPOLLIN);
}

/* Reads and forgets what the client still says. */
static void
linger(struct pump *pump)
{
	size_t size = sizeof(pump->login->relay);
	enum stream_status status = stream_read(&pump->stream, pump->login->relay, &size);

	if (status == STREAM_END || status == STREAM_FAILED)
		pump_end(pump, "the client has hung up");
	else
		watch_for(&pump->client, EPOLLIN);
}

/* Decides what to wait for, or that it is over. moved: the client has just taken something. */
static void
update(struct pump *pump, bool moved)
{
	uint32_t client = 0, pair = 0;

	if (pump->ended)
		return;
	/* The end is read behind all else, and nothing is read while something waits: all has gone. */
	if (pump->pair_ended) {
		part(pump);
		return;
	}
	keep_time(pump, moved);
	if (!pump->client_ended && pump->stuck_size == 0)
		client |= EPOLLIN;
	if (pump->stream.stuck)
		client |= EPOLLOUT;
	if (!pump->stream.stuck)
		pair |= EPOLLIN | EPOLLRDHUP;
	if (pump->stuck_size > 0)
		pair |= EPOLLOUT;
	watch_for(&pump->client, client);
	watch_for(&pump->pair, pair);
}

/* Sends to the maildrop; keeps what it does not take. If it has gone, reading will tell. */
static void
to_pair(struct pump *pump, const char *data, size_t size)
{
	ssize_t n = send(pump->socket, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		pump->unheard = true;
		return;
	}
	if (n < 0)
		n = 0;
	size -= (size_t)n;
	if (size == 0)
		return;
	pump->stuck = malloc(size);
	if (pump->stuck == NULL) {
		pump_end(pump, "no memory");
		return;
	}
	memcpy(pump->stuck, data + n, size);
	pump->stuck_size = size;
}

static void
flush_to_pair(struct pump *pump)
{
	char *data = pump->stuck;
	size_t size = pump->stuck_size;

	pump->stuck = NULL;
	pump->stuck_size = 0;
	to_pair(pump, data, size);
	free(data);
}

static void
from_client(struct pump *pump)
{
	struct login *login = pump->login;

	do {
		size_t size = COMMANDS_SIZE;

		switch (stream_read(&pump->stream, login->relay, &size)) {
		case STREAM_DONE:
			to_pair(pump, login->relay, size);
			break;
		case STREAM_AGAIN:
			return;
		case STREAM_END:
			/* What it said before it went still counts, and so may an answer. */
			pump->client_ended = true;
			shutdown(pump->socket, SHUT_WR);
			return;
		case STREAM_FAILED:
			pump_end(pump, stream_failure(&pump->stream));
			return;
		}
	} while (!pump->ended && pump->stuck_size == 0 && stream_pending(&pump->stream));
}

/* Is there nothing but the end behind what was read? */
static bool
is_at_end(struct pump *pump)
{
	char octet;
	ssize_t n = recv(pump->socket, &octet, 1, MSG_DONTWAIT | MSG_PEEK);

	/* The reset is told once only. */
	pump->unheard = pump->unheard || (n < 0 && errno == ECONNRESET);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* hung_up: the maildrop has closed its end, be it behind more than is read here. */
static void
from_pair(struct pump *pump, bool hung_up)
{
	struct login *login = pump->login;
	ssize_t n = recv(pump->socket, login->relay, pump->chunk, MSG_DONTWAIT);
	bool last;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A maildrop that ended with commands unread shows as a reset. */
	if (n <= 0) {
		pump->pair_ended = true;
		pump->unheard = pump->unheard || n < 0;
		return;
	}
	last = hung_up && is_at_end(pump);
	switch ((last ? stream_write_last : stream_write)(&pump->stream, login->relay, (size_t)n)) {
	case STREAM_DONE:
		pump->pair_ended = last;
		if (pump->chunk < CHUNK_MAX)
			pump->chunk *= 2;
		break;
	case STREAM_AGAIN:
		if (pump->chunk > CHUNK_MIN)
			pump->chunk /= 2;
		break;
	default:
		pump_end(pump, stream_failure(&pump->stream));
	}
}

static void
client_ready(struct watch *watch, uint32_t events)
{
	struct pump *pump = watch->owner;

	if (pump->lingering) {
		linger(pump);
		return;
	}
	if ((events & EPOLLOUT) != 0 && stream_flush(&pump->stream) == STREAM_FAILED)
		pump_end(pump, stream_failure(&pump->stream));
	else if ((events & EPOLLIN) != 0 && !pump->client_ended && pump->stuck_size == 0)
		from_client(pump);
	update(pump, (events & EPOLLOUT) != 0);
}

static void
pair_ready(struct watch *watch, uint32_t events)
{
	struct pump *pump = watch->owner;

	if ((events & EPOLLOUT) != 0 && pump->stuck_size > 0) {
		flush_to_pair(pump);
		if (!pump->ended && pump->stuck_size == 0 && stream_pending(&pump->stream))
			from_client(pump);
	}
	if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 && !pump->ended && !pump->stream.stuck)
		from_pair(pump, (events & EPOLLRDHUP) != 0);
	update(pump, false);
}

/* Takes over the stream of the connection, and the socket to the maildrop also when it fails. */
static int
pump_start(struct connection *c, int socket)
{
	struct login *login = c->login;
	struct pump *pump = calloc(1, sizeof(*pump));
	struct error error;

	if (pump == NULL) {
		close(socket);
		return -1;
	}
	pump->login = login;
	pump->session = c->session;
	pump->socket = socket;
	pump->stream = c->stream;
	pump->chunk = CHUNK_MAX;
	tls_secrets_over(pump->stream.tls);
	pump->client = (struct watch){ .ready = client_ready, .owner = pump };
	watch_pass(&c->watch, &pump->client);
	c->stream = (struct stream){ .socket = -1 };
	deadlines_add(&login->pumps, &pump->deadline, DEADLINE_NEVER);
	connection_end(c, NULL);
	pump->pair =
	    (struct watch){ .descriptor = pump->socket, .ready = pair_ready, .owner = pump };
	if (loop_add(&login->loop, &pump->pair, EPOLLIN | EPOLLRDHUP, &error) < 0) {
		pump_end(pump, "no room to poll it");
		return 0;
	}
	if (stream_pending(&pump->stream))
		from_client(pump);
	update(pump, false);
	return 0;
}

/*
 * The maildrop has gone between its promise and now, or we are out of something. Or it was heard
 * meanwhile that everybody has to go.
 */
static void
apologize(struct connection *c, const struct error *error)
{
	if (c->state == CONNECTION_CLOSED)
		return;
	LOG(LOG_LEVEL_WARNING, "handover-failed", LOG_SESSION(c->session), LOG_REASON(error));
	c->granted = false;
	connection_begin(c);
	connection_refuse(c, ERROR_TEMPORARY, "the maildrop cannot be opened at the moment");
	connection_resume(c);
}

/* Sends the socket to the maildrop, with all that it has to know. */
static int
send_client(struct connection *c, int socket, struct error *error)
{
	struct capabilities capabilities;
	struct ipc_handover handover;

	memset(&handover, 0, sizeof(handover));
	connection_capabilities(c, &capabilities, handover.sasl, sizeof(handover.sasl));
	handover.session = c->session;
	handover.pumped = connection_is_protected(c);
	handover.stls = capabilities.stls;
	handover.user = capabilities.user;
	return door_send(c->login, c->maildrop, &handover, socket, c->held, c->held_size, error);
}

static void
hand_over_pumped(struct connection *c)
{
	struct error error;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
		error_errno(&error, ERROR_TEMPORARY, "cannot make a pair of sockets");
		apologize(c, &error);
		return;
	}
	if (send_client(c, ends[0], &error) < 0) {
		close(ends[0]);
		close(ends[1]);
		apologize(c, &error);
		return;
	}
	close(ends[0]);
	if (pump_start(c, ends[1]) < 0)
		connection_end(c, "no memory");
}

void
hand_over(struct connection *c)
{
	struct error error;

	if (connection_is_protected(c))
		hand_over_pumped(c);
	else if (send_client(c, c->stream.socket, &error) < 0)
		apologize(c, &error);
	else
		connection_end(c, NULL);
}
