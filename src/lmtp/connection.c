/* See connection.h: accepted, greeted, read from, answered, and ended. */

#include "lmtp/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/network.h"
#include "lmtp/delivery.h"
#include "lmtp/intake.h"
#include "lmtp/output.h"

/* Commands are handed to the session in slices, so that what it answers stays small; a message as it comes. */
#define SLICE_SIZE ((size_t)2 * LINE_OCTETS_MAX)
/* What a client may still say when it is over. */
#define LINGER_OCTETS_MAX (1024 * 1024)

#define STOPPING "421 4.3.2 the server stops, come again"
#define TIMEOUT  "421 4.4.2 nothing was said for too long"

struct connection *
connection_of(struct deadline *deadline)
{
	return (struct connection *)((char *)deadline - offsetof(struct connection, deadline));
}

/* May octets be taken from the client now? */
static bool
is_listening(const struct connection *c)
{
	return c->state == CONNECTION_TALKING && !output_waits(c) && !session_waits(&c->session) &&
	    c->session.state != SESSION_STARTTLS && c->session.state != SESSION_OVER;
}

/* One that waits for us has no deadline: those of its deliveries see to it. */
static void
deadline_renew(struct connection *c)
{
	struct lmtp *lmtp = c->lmtp;

	deadlines_remove(c->waits ? &lmtp->silent : &lmtp->talking, &c->deadline);
	c->waits = c->state == CONNECTION_TALKING && !output_waits(c) && session_waits(&c->session);
	if (c->waits)
		deadlines_add(&lmtp->silent, &c->deadline, DEADLINE_NEVER);
	else
		deadlines_add(&lmtp->talking, &c->deadline,
		    lmtp->loop.now + lmtp->client_patience_milliseconds);
}

/*
 * A client that is not listened to for now stays polled until it really sends something; then it is not polled
 * at all, because one that has hung up would be reported without end.
 */
static void
poll_as_needed(struct connection *c)
{
	uint32_t events = output_waits(c) ? EPOLLOUT : EPOLLIN;
	struct error error;

	if (c->state == CONNECTION_CLOSED)
		return;
	if (c->watch.loop != NULL)
		watch_for(&c->watch, events);
	else if ((output_waits(c) || is_listening(c) || c->state != CONNECTION_TALKING) &&
	    loop_add(&c->lmtp->loop, &c->watch, events, &error) < 0)
		connection_end(c, "no memory");
}

void
connection_end(struct connection *c, const char *reason)
{
	struct lmtp *lmtp = c->lmtp;

	if (c->state == CONNECTION_CLOSED)
		return;
	c->state = CONNECTION_CLOSED;
	session_close(&c->session);
	LOG(LOG_LEVEL_INFO, "disconnect", LOG_SESSION(c->session.id), LOG_TEXT("reason", reason),
	    LOG_NUMBER("messages", c->session.message_count));
	deadlines_remove(c->waits ? &lmtp->silent : &lmtp->talking, &c->deadline);
	free(c->held);
	free(c->kept);
	watch_end(&c->watch);
	stream_close(&c->stream);
	loop_bury(&lmtp->loop, &c->grave);
	lmtp_stop_if_idle(lmtp);
}

/* Reads and forgets what the client still says, until it hangs up or has said too much. */
static void
linger(struct connection *c)
{
	ssize_t n;

	while ((n = recv(c->stream.socket, c->lmtp->input, READ_SIZE, MSG_DONTWAIT)) > 0 &&
	    c->dropped_size <= LINGER_OCTETS_MAX)
		c->dropped_size += (size_t)n;
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		connection_end(c, c->reason);
	else
		poll_as_needed(c);
}

/*
 * Octets that were never read would make the kernel answer close() with a reset, which can destroy the last
 * reply on its way. So a client that still talks is told first that it is over.
 */
static void
end_gently(struct connection *c)
{
	ssize_t n = recv(c->stream.socket, c->lmtp->input, READ_SIZE, MSG_DONTWAIT);
	bool talks = n > 0 || c->unheard || stream_pending(&c->stream);

	if (!talks || stream_finish(&c->stream) < 0) {
		connection_end(c, c->reason);
		return;
	}
	c->state = CONNECTION_LINGERING;
	deadline_renew(c);
	linger(c);
}

static void
start_tls(struct connection *c)
{
	struct lmtp *lmtp = c->lmtp;

	c->state = CONNECTION_HANDSHAKE;
	if (lmtp->keyring.tls == NULL ||
	    (c->stream.tls = tls_accept(lmtp->keyring.tls, c->stream.socket)) == NULL)
		connection_end(c, lmtp->keyring.tls == NULL ? "no certificate" : "no memory");
}

/* A server that stops waits for those who are handing in a message, and for nobody else. */
static bool
is_idle(const struct connection *c)
{
	return c->state == CONNECTION_TALKING && !c->session.in_transaction && !session_waits(&c->session) &&
	    c->session.state != SESSION_OVER;
}

/* Sends what was written, and goes on to whatever comes next. */
static void
settle(struct connection *c)
{
	if (c->state >= CONNECTION_LINGERING)
		return;
	if (c->lmtp->stopping && is_idle(c)) {
		session_stop(&c->session, STOPPING);
		c->reason = "stopping";
	}
	if (!output_send(c))
		return;
	if (c->state == CONNECTION_TALKING && c->session.state == SESSION_OVER)
		c->state = CONNECTION_ENDING;
	if (!output_waits(c)) {
		if (c->state == CONNECTION_ENDING) {
			end_gently(c);
			return;
		}
		if (c->state == CONNECTION_TALKING && c->session.state == SESSION_STARTTLS)
			start_tls(c);
	}
	if (c->state == CONNECTION_CLOSED)
		return;
	deadline_renew(c);
	poll_as_needed(c);
}

/* Keeps what cannot be looked at now; input is lmtp->input. */
static bool
hold(struct connection *c, const char *input, size_t size)
{
	free(c->held);
	c->held = NULL;
	c->held_size = 0;
	if (size == 0)
		return true;
	c->held = malloc(size);
	if (c->held == NULL) {
		connection_end(c, "no memory");
		return false;
	}
	memcpy(c->held, input, size);
	c->held_size = size;
	return true;
}

/* Works through what is in lmtp->input. */
static void
process(struct connection *c, size_t size)
{
	const char *input = c->lmtp->input;

	while (size > 0 && is_listening(c)) {
		bool message = c->session.state == SESSION_DATA || c->session.state == SESSION_CHUNK;
		size_t done = session_input(&c->session, input, message || size < SLICE_SIZE ? size : SLICE_SIZE);

		if (!output_send(c))
			return;
		if (done == 0)
			break;
		input += done;
		size -= done;
	}
	/* What came in clear behind STARTTLS could be anybody's (RFC 3207, section 4.2). */
	c->unheard = size > 0 && c->session.state == SESSION_OVER;
	if (c->session.state == SESSION_STARTTLS || c->session.state == SESSION_OVER)
		size = 0;
	(void)hold(c, input, size);
}

/* One read, behind what is held, and the work it makes. False: there was nothing to read. */
static bool
read_and_process(struct connection *c)
{
	struct lmtp *lmtp = c->lmtp;
	size_t held_size = c->held_size, size = READ_SIZE;
	enum stream_status status = stream_read(&c->stream, lmtp->input + held_size, &size);

	if (status == STREAM_AGAIN)
		return false;
	if (status != STREAM_DONE) {
		connection_end(c, status == STREAM_END ? "the client has gone" : "it cannot be read from");
		return false;
	}
	if (held_size > 0)
		memcpy(lmtp->input, c->held, held_size);
	process(c, held_size + size);
	return true;
}

void
connection_resume(struct connection *c)
{
	struct lmtp *lmtp = c->lmtp;

	if (is_listening(c) && c->held_size > 0) {
		size_t size = c->held_size;

		memcpy(lmtp->input, c->held, size);
		process(c, size);
	}
	/* What is pending may be a part of a record, of which nothing can be read yet. */
	while (is_listening(c) && stream_pending(&c->stream) && read_and_process(c))
		continue;
	settle(c);
	/* While the client makes a message ready that is not to be copied. */
	if (c->state == CONNECTION_TALKING && c->session.state == SESSION_DATA &&
	    (c->first != c->last || c->session.envelope.size > DELIVER_TEXT_SIZE))
		spool_prepare(&c->spool);
	deliveries_send(lmtp);
}

void
connection_stop(struct connection *c, const char *reply, const char *reason)
{
	if (c->state != CONNECTION_TALKING) {
		connection_end(c, reason);
		return;
	}
	connection_begin(c);
	session_stop(&c->session, reply);
	c->reason = reason;
	connection_resume(c);
}

void
connection_expired(struct deadline *deadline)
{
	struct connection *c = connection_of(deadline);

	/* It took no replies: there is no use in one more. */
	if (output_waits(c))
		connection_end(c, "timeout");
	else
		connection_stop(c, TIMEOUT, "timeout");
}

static struct connection *
first_idle(struct lmtp *lmtp)
{
	struct deadline *d = deadlines_first(&lmtp->talking);

	while (d != NULL && connection_of(d)->state != CONNECTION_HANDSHAKE && !is_idle(connection_of(d)))
		d = deadlines_next(&lmtp->talking, d);
	return d != NULL ? connection_of(d) : NULL;
}

/* Each is looked for from the beginning: what one does may end another. */
void
connections_stop_idle(struct lmtp *lmtp)
{
	struct connection *c;

	while ((c = first_idle(lmtp)) != NULL)
		connection_stop(c, STOPPING, "stopping");
}

static void
continue_handshake(struct connection *c)
{
	enum tls_status status = tls_handshake(c->stream.tls);

	c->stream.stuck = status == TLS_WANT_WRITE;
	if (status == TLS_FAILED || status == TLS_CLOSED) {
		LOG(LOG_LEVEL_INFO, "tls-failed", LOG_SESSION(c->session.id),
		    LOG_TEXT("reason", tls_failure(c->stream.tls)));
		connection_end(c, "TLS failed");
		return;
	}
	if (status != TLS_DONE) {
		deadline_renew(c);
		poll_as_needed(c);
		return;
	}
	tls_secrets_over(c->stream.tls);
	c->state = CONNECTION_TALKING;
	connection_begin(c);
	if (c->greeted) {
		session_tls_begun(&c->session);
	} else {
		c->session.tls = true;
		session_begin(&c->session);
	}
	c->greeted = true;
	if (stream_flush(&c->stream) == STREAM_FAILED)
		connection_end(c, "TLS failed");
	else
		connection_resume(c);
}

/* False: it has ended, or its output still waits. */
static bool
flush(struct connection *c)
{
	if (stream_flush(&c->stream) == STREAM_FAILED) {
		connection_end(c, "it cannot be written to");
		return false;
	}
	if (!c->stream.stuck && !output_go_on(c)) {
		connection_end(c, "it cannot be written to");
		return false;
	}
	if (c->stream.stuck) {
		deadline_renew(c);
		poll_as_needed(c);
	}
	return !c->stream.stuck;
}

static void
connection_ready(struct watch *watch, uint32_t events)
{
	struct connection *c = watch->owner;

	if (c->state == CONNECTION_LINGERING) {
		linger(c);
		return;
	}
	if (output_waits(c) && !flush(c))
		return;
	if (c->state == CONNECTION_HANDSHAKE) {
		continue_handshake(c);
		return;
	}
	connection_begin(c);
	if (is_listening(c) && (events & EPOLLIN) != 0)
		read_and_process(c);
	else if ((events & EPOLLIN) != 0)
		watch_end(&c->watch);
	connection_resume(c);
}

static void
session_fill(struct connection *c, const struct peer *peer)
{
	struct lmtp *lmtp = c->lmtp;
	struct session *s = &c->session;
	static const struct session_calls calls = { .recipient = delivery_ask, .data = intake_data,
		.deliver = delivery_begin, .end = intake_end, .undelivered = intake_undelivered };
	const char *words = lmtp->settings.lmtp_xclient_hosts;
	char word[64];

	s->settings = &lmtp->session_settings;
	s->calls = &calls;
	s->context = c;
	s->out = &lmtp->out;
	s->id = ++lmtp->last_session;
	s->tls_offered = c->tls_mode == CONFIG_TLS_STLS && lmtp->keyring.tls != NULL;
	if (peer != NULL) {
		peer_host(peer, peer_is_ipv4(peer) ? "" : "IPv6:", s->client.address);
		snprintf(s->client.port, sizeof(s->client.port), "%u", peer->port);
		s->trusted = networks_contain(words, peer->address);
		return;
	}
	while (!s->trusted && word_next(&words, word, sizeof(word)))
		s->trusted = strcmp(word, "unix") == 0;
}

void
connection_start(struct lmtp *lmtp, int socket, const struct peer *peer, const struct listener *listener)
{
	struct connection *c = calloc(1, sizeof(*c));
	char text[PEER_SIZE] = "unix";
	struct error error;

	if (c != NULL)
		c->watch = (struct watch){ .descriptor = socket, .ready = connection_ready, .owner = c };
	if (c == NULL || loop_add(&lmtp->loop, &c->watch, EPOLLIN, &error) < 0) {
		free(c);
		close(socket);
		return;
	}
	c->lmtp = lmtp;
	c->stream.socket = socket;
	c->tls_mode = (uint8_t)listener->tls;
	c->reason = "the session is over";
	c->unspooled = VERDICT_OK;
	session_fill(c, peer);
	spool_begin(&c->spool, lmtp->spool_directory, c->session.id);
	if (peer != NULL)
		peer_text(peer, text);
	LOG(LOG_LEVEL_INFO, "connect", LOG_SESSION(c->session.id), LOG_TEXT("peer", text),
	    LOG_TEXT("listener", listener->address));
	deadlines_add(&lmtp->talking, &c->deadline, lmtp->loop.now + lmtp->client_patience_milliseconds);
	connection_begin(c);
	c->state = CONNECTION_TALKING;
	c->greeted = c->tls_mode != CONFIG_TLS_IMPLICIT;
	if (c->greeted)
		session_begin(&c->session);
	else
		start_tls(c);
	settle(c);
}
