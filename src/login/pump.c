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
#include "ipc/pair.h"
#include "login/connection.h"
#include "login/doors.h"
#include "login/login.h"
#include "login/pairs.h"
#include "pop3/reply.h"

#define LINGER_OCTETS 4096	/* so much may be unsent at a close; it is gone in a moment */

struct pump {
	struct grave grave;
	struct login *login;
	struct watch client;
	struct pair *pair;		/* to the maildrop; NULL: that has said its last words */
	struct deadline deadline;	/* in login->pumps or login->slow */
	struct stream stream;
	uint64_t session;
	char *stuck;			/* for the maildrop, which does not read */
	size_t stuck_size;
	bool client_ended, pair_ended, slow, ended;
	bool unheard;			/* the maildrop went without reading all that the client said */
	bool lingering;
};

/* free_again: the maildrop is done with it too. */
static void
let_go(struct pump *pump, bool free_again)
{
	if (pump->pair != NULL)
		(free_again ? pair_park : pair_close)(pump->pair);
	pump->pair = NULL;
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
	watch_leave(&pump->client);
	let_go(pump, false);
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
	let_go(pump, false);
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
	/* The last words may wait for the client like any others, when the maildrop has gone. */
	if (pump->pair_ended && !pump->stream.stuck) {
		part(pump);
		return;
	}
	keep_time(pump, moved);
	if (!pump->client_ended && pump->stuck_size == 0 && !pump->pair_ended)
		client |= EPOLLIN;
	if (pump->stream.stuck)
		client |= EPOLLOUT;
	if (!pump->stream.stuck)
		pair |= EPOLLIN;
	if (pump->stuck_size > 0)
		pair |= EPOLLOUT;
	watch_for(&pump->client, client);
	if (pump->pair != NULL)
		watch_for(&pump->pair->watch, pair);
}

/* Sends to the maildrop; keeps what it does not take. If it has gone, reading will tell. */
static void
to_pair(struct pump *pump, const char *data, size_t size)
{
	if (pair_send(pump->pair->watch.descriptor, PAIR_OCTETS, pump->session, data, size) == 0)
		return;
	if (errno != EAGAIN) {
		pump->unheard = true;
		return;
	}
	pump->stuck = malloc(size);
	if (pump->stuck == NULL) {
		pump_end(pump, "no memory");
		return;
	}
	memcpy(pump->stuck, data, size);
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
		size_t size = PAIR_COMMANDS_MAX;

		switch (stream_read(&pump->stream, login->relay, &size)) {
		case STREAM_DONE:
			to_pair(pump, login->relay, size);
			break;
		case STREAM_AGAIN:
			return;
		case STREAM_END:
			/* What it said before it went still counts, and so may an answer. */
			pump->client_ended = true;
			shutdown(pump->pair->watch.descriptor, SHUT_WR);
			return;
		case STREAM_FAILED:
			pump_end(pump, stream_failure(&pump->stream));
			return;
		}
	} while (!pump->ended && pump->stuck_size == 0 && stream_pending(&pump->stream));
}

/* What the maildrop has said; false: it is not of this session, which must not be. */
static bool
is_ours(const struct pump *pump, const struct pair_head *head)
{
	return head->session == pump->session && head->type != PAIR_HANDOVER;
}

/* The pair is closed, or what came of it is nothing that it may say. */
static void
pair_failed(struct pump *pump, int code)
{
	pump->pair_ended = code != EAGAIN && code != ECONNRESET;
	pump->unheard = pump->unheard || code == ECONNRESET;
}

static void
from_pair(struct pump *pump)
{
	struct login *login = pump->login;
	struct pair_head head;
	ssize_t n = pair_receive(pump->pair->watch.descriptor, &head, login->relay, sizeof(login->relay));
	bool last;

	if (n < 0) {
		pair_failed(pump, errno);
		return;
	}
	if (!is_ours(pump, &head)) {
		LOG(LOG_LEVEL_ERROR, "pair-confused", LOG_SESSION(pump->session), LOG_NUMBER("type", head.type));
		pump_end(pump, "the maildrop speaks of another session");
		return;
	}
	last = head.type == PAIR_LAST;
	if (last) {
		pump->unheard = pump->unheard || pump->stuck_size > 0;
		let_go(pump, !pump->client_ended);
	}
	pump->pair_ended = last;
	if (n > 0 && (last ? stream_write_last : stream_write)(&pump->stream, login->relay, (size_t)n) ==
	    STREAM_FAILED)
		pump_end(pump, stream_failure(&pump->stream));
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
maildrop_ready(struct watch *watch, uint32_t events)
{
	struct pump *pump = watch->owner;

	if ((events & EPOLLOUT) != 0 && pump->stuck_size > 0) {
		flush_to_pair(pump);
		if (!pump->ended && pump->stuck_size == 0 && stream_pending(&pump->stream))
			from_client(pump);
	}
	if ((events & EPOLLIN) != 0 && !pump->ended && !pump->stream.stuck)
		from_pair(pump);
	update(pump, false);
}

/* Takes over the stream of the connection, and the pair also when it fails. */
static int
pump_start(struct connection *c, struct pair *pair)
{
	struct login *login = c->login;
	struct pump *pump = calloc(1, sizeof(*pump));

	if (pump == NULL) {
		pair_close(pair);
		return -1;
	}
	pump->login = login;
	pump->session = c->session;
	pump->pair = pair;
	pair->watch.ready = maildrop_ready;
	pair->watch.owner = pump;
	pump->stream = c->stream;
	tls_secrets_over(pump->stream.tls);
	pump->client = (struct watch){ .ready = client_ready, .owner = pump };
	watch_pass(&c->watch, &pump->client);
	c->stream = (struct stream){ .socket = -1 };
	deadlines_add(&login->pumps, &pump->deadline, DEADLINE_NEVER);
	connection_end(c, NULL);
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

static void
describe(struct connection *c, struct ipc_handover *handover)
{
	struct capabilities capabilities;

	memset(handover, 0, sizeof(*handover));
	connection_capabilities(c, &capabilities, handover->sasl, sizeof(handover->sasl));
	handover->session = c->session;
	handover->pumped = connection_is_protected(c);
	handover->stls = capabilities.stls;
	handover->user = capabilities.user;
}

/* Sends the socket to the maildrop, with all that it has to know. */
static int
send_client(struct connection *c, int socket, struct error *error)
{
	struct ipc_handover handover;

	describe(c, &handover);
	return door_send(c->login, c->maildrop, &handover, socket, c->held, c->held_size, error);
}

/* On a pair that served a session before. NULL: there is none that can be used. */
static struct pair *
hand_over_again(struct connection *c)
{
	struct login *login = c->login;
	struct ipc_handover handover;
	struct pair *pair;

	describe(c, &handover);
	memcpy(login->relay, &handover, sizeof(handover));
	if (c->held_size > EARLY_SIZE)
		return NULL;
	if (c->held_size > 0)
		memcpy(login->relay + sizeof(handover), c->held, c->held_size);
	while ((pair = pairs_take(login, c->maildrop)) != NULL) {
		if (pair_send(pair->watch.descriptor, PAIR_HANDOVER, c->session, login->relay,
			sizeof(handover) + c->held_size) == 0)
			return pair;
		pair_close(pair);
	}
	return NULL;
}

static struct pair *
hand_over_anew(struct connection *c, struct error *error)
{
	int other;
	struct pair *pair = pair_new(c->login, c->maildrop, &other, error);

	if (pair == NULL)
		return NULL;
	if (send_client(c, other, error) < 0) {
		pair_close(pair);
		pair = NULL;
	}
	close(other);
	return pair;
}

static void
hand_over_pumped(struct connection *c)
{
	struct pair *pair = hand_over_again(c);
	struct error error;

	if (pair == NULL)
		pair = hand_over_anew(c, &error);
	if (pair == NULL)
		apologize(c, &error);
	else if (pump_start(c, pair) < 0)
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
