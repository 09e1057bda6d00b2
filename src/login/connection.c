/* See connection.h: accepted, greeted, read from, answered, and ended. */

#include "login/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "login/authentication.h"
#include "login/commands.h"
#include "login/greeting.h"
#include "login/login.h"
#include "login/pump.h"
#include "login/sasl.h"
#include "pop3/reply.h"

#define BAD_COMMAND_DELAY_MAX_MILLISECONDS 5000
/* Enough for a client that tries each of its mechanisms with the same wrong password. */
#define REFUSED_LOGINS_MAX 6
/* What a client may still say when it is over: a web browser's upload, say. */
#define LINGER_OCTETS_MAX (1024 * 1024)

#define CLIENT_HELLO_OCTET   0x16	/* a TLS record of a handshake, */
#define CLIENT_HELLO_VERSION 0x03	/* of SSL 3 or later */

struct writer *
out_of(struct connection *c)
{
	return &c->login->out;
}

struct connection *
connection_of(struct deadline *deadline)
{
	return (struct connection *)((char *)deadline - offsetof(struct connection, deadline));
}

/* May a line be taken from the client now? */
static bool
is_listening(const struct connection *c)
{
	return (c->state == CONNECTION_COMMAND || c->state == CONNECTION_SASL) && !c->stream.stuck;
}

/*
 * A connection that is busy stays polled for reading until the client really sends something:
 * mostly it does not, and a system call is saved.
 */
static void
poll_as_needed(struct connection *c)
{
	if (c->state == CONNECTION_CLOSED)
		return;
	if (c->stream.stuck)
		watch_for(&c->watch, EPOLLOUT);
	else if (is_listening(c) || c->state == CONNECTION_HANDSHAKE || c->watch.events == EPOLLOUT)
		watch_for(&c->watch, EPOLLIN);
}

static void
drop_held(struct connection *c)
{
	if (c->held != NULL)
		secret_wipe(c->held, c->held_size);
	free(c->held);
	c->held = NULL;
	c->held_size = 0;
}

static void
drop_delay(struct connection *c)
{
	if (c->delay != NULL)
		timer_clear(&c->login->loop.timers, c->delay);
	free(c->delay);
	c->delay = NULL;
}

void
connection_end(struct connection *c, const char *reason)
{
	struct login *login = c->login;

	if (c->state == CONNECTION_CLOSED)
		return;
	if (reason != NULL) {
		char peer[PEER_SIZE];

		peer_text(&c->peer, peer);
		LOG(LOG_LEVEL_INFO, "disconnect", LOG_SESSION(c->session), LOG_TEXT("peer", peer),
		    LOG_TEXT("reason", reason));
	}
	authentication_forget(c);
	c->state = CONNECTION_CLOSED;
	deadlines_remove(&login->young, &c->deadline);
	addresses_leave(&login->addresses, &c->peer);
	drop_held(c);
	free(c->user);
	drop_delay(c);
	watch_end(&c->watch);
	stream_close(&c->stream);
	loop_bury(&login->loop, &c->grave);
	login_stop_if_idle(login);
}

void
connection_expired(struct deadline *deadline)
{
	connection_end(connection_of(deadline), "login timeout");
}

void
connection_finish(struct connection *c, const char *reason)
{
	c->state = CONNECTION_ENDING;
	c->reason = reason;
}

void
connection_begin(struct connection *c)
{
	struct login *login = c->login;

	writer_init(&login->out, login->output, sizeof(login->output), NULL, NULL);
}

/* False: the connection has ended. */
static bool
send_out(struct connection *c)
{
	struct writer *w = out_of(c);

	if (w->used > 0 && stream_write(&c->stream, w->buffer, w->used) == STREAM_FAILED) {
		connection_end(c, stream_failure(&c->stream));
		return false;
	}
	w->used = 0;
	return true;
}

/* Reads and forgets what the client still says, until it hangs up or has said too much. */
static void
linger(struct connection *c)
{
	ssize_t n;

	while ((n = recv(c->stream.socket, c->login->input, INPUT_SIZE, MSG_DONTWAIT)) > 0 &&
	    c->dropped_size <= LINGER_OCTETS_MAX)
		c->dropped_size += (uint32_t)n;
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		connection_end(c, c->reason);
	else
		watch_for(&c->watch, EPOLLIN);
}

/*
 * Octets that were never read would make the kernel answer close() with a reset, which can destroy
 * the last reply on its way. So a client that still talks is told first that it is over.
 */
static void
end_gently(struct connection *c)
{
	ssize_t n = recv(c->stream.socket, c->login->input, INPUT_SIZE, MSG_DONTWAIT);
	bool talks = n > 0 || (n < 0 && (c->unheard || stream_pending(&c->stream)));

	if (!talks || stream_finish(&c->stream) < 0) {
		connection_end(c, c->reason);
		return;
	}
	c->state = CONNECTION_LINGERING;
	linger(c);
}

static void
start_tls(struct connection *c)
{
	struct login *login = c->login;

	if (login->keyring.tls == NULL ||
	    (c->stream.tls = tls_accept(login->keyring.tls, c->stream.socket)) == NULL)
		connection_end(c, login->keyring.tls == NULL ? "no certificate" : "no memory");
}

/* Sends what was written, and goes on to whatever comes next. */
static void
settle(struct connection *c)
{
	if (c->state >= CONNECTION_LINGERING || !send_out(c))
		return;
	if (!c->stream.stuck) {
		if (c->state == CONNECTION_ENDING) {
			end_gently(c);
			return;
		}
		if (c->granted) {
			hand_over(c);
			return;
		}
		if (c->state == CONNECTION_HANDSHAKE && c->greeted && c->stream.tls == NULL)
			start_tls(c);
	}
	poll_as_needed(c);
}

void
connection_protect(struct connection *c)
{
	free(c->user);
	c->user = NULL;
	c->reader = (struct line_reader){ false };
	c->spoke = true;
	c->state = CONNECTION_HANDSHAKE;
}

static void
delay_over(struct timer *timer)
{
	struct connection *c = timer->owner;

	drop_delay(c);
	c->state = CONNECTION_COMMAND;
	connection_begin(c);
	reply_error(out_of(c), "%s", c->problem);
	if (c->bad_count >= c->login->settings.bad_commands_max)
		connection_finish(c, "too many bad commands");
	connection_resume(c);
}

void
connection_bad(struct connection *c, const char *problem)
{
	const struct config *settings = &c->login->settings;
	uint64_t delay = c->bad_count * settings->bad_command_delay_milliseconds;
	bool last = ++c->bad_count >= settings->bad_commands_max;

	c->state = CONNECTION_COMMAND;
	c->problem = last ? "too many bad commands" : problem;
	if (delay > BAD_COMMAND_DELAY_MAX_MILLISECONDS)
		delay = BAD_COMMAND_DELAY_MAX_MILLISECONDS;
	if (delay > 0 && (c->delay = malloc(sizeof(*c->delay))) != NULL) {
		c->state = CONNECTION_DELAYED;
		*c->delay = (struct timer){ .expired = delay_over, .owner = c };
		timer_set(&c->login->loop.timers, c->delay, c->login->loop.now + delay);
		return;
	}
	reply_error(out_of(c), "%s", c->problem);
	if (last)
		connection_finish(c, c->problem);
}

void
connection_refuse(struct connection *c, enum error_kind kind, const char *text)
{
	c->state = CONNECTION_COMMAND;
	reply_failure(out_of(c), kind, text);
	if (kind == ERROR_DENIED && ++c->refused_count >= REFUSED_LOGINS_MAX)
		connection_finish(c, "too many refused logins");
}

/* What to do with a line of each status, in the state the connection is in. */
static void
take_line(struct connection *c, enum line_status status, char *text, size_t length)
{
	const char *problem = status == LINE_TOO_LONG ? "line too long" : "NUL in a line";

	if (status != LINE_READY) {
		authentication_forget(c);
		connection_bad(c, problem);
	} else if (c->state == CONNECTION_SASL) {
		sasl_line(c, text, length);
	} else {
		commands_line(c, text);
	}
}

/* Works through input and keeps what cannot be looked at now. Begins a reply and leaves it open. */
static void
process(struct connection *c, char *input, size_t size)
{
	struct writer *w = out_of(c);

	while (is_listening(c) && size > 0) {
		size_t max = c->state == CONNECTION_SASL ? SASL_LINE_OCTETS_MAX : LINE_OCTETS_MAX;
		size_t length = 0, consumed;
		char *text = NULL;
		enum line_status status =
		    line_take(&c->reader, input, size, max, &text, &length, &consumed);

		if (status != LINE_INCOMPLETE)
			take_line(c, status, text, length);
		/* It may have held a password. */
		secret_wipe(input, consumed);
		input += consumed;
		size -= consumed;
		if (status == LINE_INCOMPLETE)
			break;
		if (w->size - w->used < REPLY_SIZE_MAX && !send_out(c))
			return;
	}
	/* Whatever came in clear behind STLS could be anybody's: RFC 2595, section 4. */
	c->unheard = size > 0 && c->state >= CONNECTION_ENDING;
	if (c->state == CONNECTION_HANDSHAKE || c->state >= CONNECTION_ENDING)
		size = 0;
	drop_held(c);
	if (size == 0)
		return;
	c->held = malloc(size);
	if (c->held == NULL) {
		connection_end(c, "no memory");
		return;
	}
	memcpy(c->held, input, size);
	c->held_size = (uint16_t)size;
	secret_wipe(input, size);
}

static bool
is_client_hello(const char *input, size_t size)
{
	return (unsigned char)input[0] == CLIENT_HELLO_OCTET &&
	    (size < 2 || input[1] == CLIENT_HELLO_VERSION);
}

/* One read, behind what is held, and the work it makes. False: there was nothing to read. */
static bool
read_and_process(struct connection *c)
{
	struct login *login = c->login;
	size_t held_size = c->held_size, size = READ_SIZE;
	enum stream_status status = stream_read(&c->stream, login->input + held_size, &size);

	if (status == STREAM_AGAIN)
		return false;
	if (status != STREAM_DONE) {
		connection_end(c, status == STREAM_END ? "the client has gone" :
		    stream_failure(&c->stream));
		return false;
	}
	if (held_size > 0)
		memcpy(login->input, c->held, held_size);
	if (!c->spoke && !connection_is_protected(c) && is_client_hello(login->input, size)) {
		connection_end(c, "a TLS client on a port without TLS");
		return false;
	}
	c->spoke = true;
	process(c, login->input, held_size + size);
	return true;
}

void
connection_resume(struct connection *c)
{
	struct login *login = c->login;
	size_t size = c->held_size;

	if (is_listening(c) && size > 0) {
		memcpy(login->input, c->held, size);
		process(c, login->input, size);
	}
	/* What is pending may be a part of a record, of which nothing can be read yet. */
	while (is_listening(c) && stream_pending(&c->stream) && read_and_process(c))
		continue;
	settle(c);
}

static void
greet(struct connection *c)
{
	struct login *login = c->login;

	c->greeted = true;
	c->state = CONNECTION_COMMAND;
	greeting_write(&login->out, login->settings.greeting, c->domain, c->session);
}

static void
continue_handshake(struct connection *c)
{
	enum tls_status status;

	connection_begin(c);
	if (c->stream.tls == NULL)
		start_tls(c);
	if (c->state == CONNECTION_CLOSED)
		return;
	status = tls_handshake(c->stream.tls);
	c->stream.stuck = status == TLS_WANT_WRITE;
	if (status == TLS_FAILED) {
		LOG(LOG_LEVEL_INFO, "tls-failed", LOG_SESSION(c->session),
		    LOG_TEXT("reason", tls_failure(c->stream.tls)));
		connection_end(c, "TLS failed");
		return;
	}
	if (status != TLS_DONE) {
		poll_as_needed(c);
		return;
	}
	c->state = CONNECTION_COMMAND;
	if (!c->greeted)
		greet(c);
	else if (stream_flush(&c->stream) == STREAM_FAILED) {
		connection_end(c, stream_failure(&c->stream));
		return;
	}
	connection_resume(c);
}

static void
connection_ready(struct watch *watch, uint32_t events)
{
	struct connection *c = watch->owner;

	if (c->state == CONNECTION_LINGERING) {
		linger(c);
		return;
	}
	if (c->stream.stuck && (events & EPOLLOUT) != 0 &&
	    stream_flush(&c->stream) == STREAM_FAILED) {
		connection_end(c, stream_failure(&c->stream));
		return;
	}
	if (c->stream.stuck) {
		poll_as_needed(c);
		return;
	}
	if (c->state == CONNECTION_HANDSHAKE && (connection_is_protected(c) || !c->greeted)) {
		continue_handshake(c);
		return;
	}
	connection_begin(c);
	if (is_listening(c) && (events & EPOLLIN) != 0)
		read_and_process(c);
	else if ((events & EPOLLIN) != 0)
		watch_for(&c->watch, 0);
	connection_resume(c);
}

static bool
watch_client(struct connection *c, struct login *login, int socket)
{
	struct error error;

	c->watch = (struct watch){ .descriptor = socket, .ready = connection_ready, .owner = c };
	return loop_add(&login->loop, &c->watch, EPOLLIN, &error) == 0;
}

/* Whoever logs in or goes without has a line then; one more for each would cost as much as a command. */
static void
log_connect(const struct connection *c, const struct listener *listener)
{
	char peer[PEER_SIZE];

	peer_text(&c->peer, peer);
	LOG(LOG_LEVEL_DEBUG, "connect", LOG_SESSION(c->session), LOG_TEXT("peer", peer),
	    LOG_TEXT("listener", listener->address));
}

void
connection_start(struct login *login, int socket, const struct peer *peer,
    const struct listener *listener)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL || !watch_client(c, login, socket)) {
		addresses_leave(&login->addresses, peer);
		free(c);
		close(socket);
		return;
	}
	c->login = login;
	c->stream.socket = socket;
	c->session = session_next();
	c->peer = *peer;
	c->tls_mode = (uint8_t)listener->tls;
	c->domain = login->domain;
	deadlines_add(&login->young, &c->deadline,
	    login->loop.now + login->settings.login_timeout_seconds * 1000);
	log_connect(c, listener);
	connection_begin(c);
	if (c->tls_mode != CONFIG_TLS_IMPLICIT)
		greet(c);
	settle(c);
}
