/* The blocking face: a client, a socket, and waiting (include/restante/blocking.h). */

#include "client/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/engine.h"
#include "client/options.h"

struct restante_session *
restante_session_new(const struct restante_options *options)
{
	struct restante_session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->socket = -1;
	session->client = restante_client_new(options);
	if (session->client == NULL) {
		free(session);
		return NULL;
	}
	return session;
}

static void
hang_up(struct restante_session *session)
{
	if (session->socket >= 0)
		close(session->socket);
	session->socket = -1;
}

void
restante_session_free(struct restante_session *session)
{
	if (session == NULL)
		return;
	hang_up(session);
	restante_client_free(session->client);
	free(session);
}

struct restante_client *
restante_session_client(struct restante_session *session)
{
	return session->client;
}

uint64_t
restante_session_octets_received(const struct restante_session *session)
{
	return session->octets_received;
}

uint64_t
restante_session_octets_sent(const struct restante_session *session)
{
	return session->octets_sent;
}

int
restante_session_socket(const struct restante_session *session)
{
	return session->socket;
}

enum restante_result
restante_session_result(const struct restante_session *session)
{
	return session->result;
}

const char *
restante_session_error(const struct restante_session *session)
{
	return session->error;
}

static enum restante_result
fail(struct restante_session *session, enum restante_result result, const char *text)
{
	session->result = result;
	if (text != session->error)
		snprintf(session->error, sizeof(session->error), "%s", text);
	return result;
}

enum restante_result
restante_session_connect(struct restante_session *session)
{
	const struct restante_options *options = session->client->options;
	enum restante_result result = RESTANTE_OK;
	char text[1024];

	if (session->is_connected)
		return RESTANTE_OK;
	session->is_connected = true;
	if (session->client->phase == PHASE_OVER)
		return fail(session, session->client->result, session->client->error);
	if (option_text(options, RESTANTE_HOST)[0] == '\0') {
		result = RESTANTE_USAGE;
		snprintf(text, sizeof(text), "no host is named");
	} else
		session->socket = connect_host(option_text(options, RESTANTE_HOST),
		    option_text(options, RESTANTE_PORT),
		    option_number(options, RESTANTE_CONNECT_TIMEOUT), &result, text, sizeof(text));
	if (session->socket >= 0)
		return RESTANTE_OK;
	restante_client_abort(session->client, result, text);
	return fail(session, result, text);
}

/* The network says errno: how the connection ends. */
static void
network_failed(struct restante_session *session)
{
	const char *text = strerrordesc_np(errno);

	restante_client_abort(session->client, errno == ETIMEDOUT ? RESTANTE_TIMED_OUT : RESTANTE_CLOSED,
	    text != NULL ? text : "the network failed");
}

/* As much as the socket takes. */
static void
send_some(struct restante_session *session, const void *data, size_t size)
{
	ssize_t sent = send(session->socket, data, size, MSG_NOSIGNAL);

	if (sent > 0) {
		session->octets_sent += (uint64_t)sent;
		restante_client_output_done(session->client, (size_t)sent);
	} else if (errno == EPIPE || errno == ECONNRESET)
		/* What the server said before it went is still to be read. */
		session->is_send_over = true;
	else if (errno != EAGAIN && errno != EINTR)
		network_failed(session);
}

static void
receive_some(struct restante_session *session)
{
	size_t room;
	void *buffer = restante_client_input_buffer(session->client, &room);
	ssize_t received;

	if (room == 0)
		return;
	received = recv(session->socket, buffer, room, 0);
	if (received >= 0) {
		session->octets_received += (uint64_t)received;
		restante_client_input_done(session->client, (size_t)received);
	} else if (errno == ECONNRESET)
		restante_client_input_done(session->client, 0);
	else if (errno != EAGAIN && errno != EINTR)
		network_failed(session);
}

/* Waits for the network once, and does what it allows. */
static void
exchange(struct restante_session *session)
{
	struct pollfd wanted = { .fd = session->socket, .events = POLLIN };
	const uint64_t seconds = option_number(session->client->options, RESTANTE_TIMEOUT);
	const uint64_t deadline = clock_milliseconds() + 1000 * seconds;
	size_t size;
	const void *data = restante_client_output(session->client, &size);
	int ready = -1;

	if (session->is_send_over)
		size = 0;
	if (size > 0)
		wanted.events |= POLLOUT;
	errno = EINTR;
	while (ready < 0 && errno == EINTR) {
		uint64_t now = clock_milliseconds();

		ready = poll(&wanted, 1, now >= deadline ? 0 : (int)(deadline - now));
	}
	if (ready < 0)
		network_failed(session);
	else if (ready == 0) {
		char text[64];

		snprintf(text, sizeof(text), "no octet from the server in %llu seconds",
		    (unsigned long long)seconds);
		restante_client_abort(session->client, RESTANTE_TIMED_OUT, text);
	} else {
		if (size > 0 && (wanted.revents & (POLLOUT | POLLERR | POLLHUP)) != 0)
			send_some(session, data, size);
		if ((wanted.revents & (POLLIN | POLLERR | POLLHUP)) != 0)
			receive_some(session);
	}
}

/* The server has closed the connection at CAPA: another one does without. */
static bool
try_without_capa(struct restante_session *session)
{
	struct restante_client *client = session->client;

	if (client->phase_at_end != PHASE_CAPA || client->result != RESTANTE_CLOSED ||
	    client->is_quitting || !quirk(client, QUIRK_CLOSES_AT_CAPA))
		return false;
	hang_up(session);
	client->without_capa = true;
	client_restart(client);
	session->is_connected = session->is_send_over = false;
	return restante_session_connect(session) == RESTANTE_OK;
}

/* The last words, a goodbye of TLS among them, if the socket takes them at once. */
static void
say_rest(struct restante_session *session)
{
	size_t size;
	const void *data = restante_client_output(session->client, &size);

	if (session->socket >= 0 && size > 0 && !session->is_send_over)
		send_some(session, data, size);
	hang_up(session);
}

enum restante_event_type
restante_session_next(struct restante_session *session, const struct restante_event **event)
{
	struct restante_client *client = session->client;

	restante_session_connect(session);
	session->data_size = 0;
	for (;;) {
		enum restante_event_type type;

		if (client->is_end_told)
			client->is_end_told = false;	/* again and again */
		type = restante_client_next(client, event);
		if (type == RESTANTE_EVENT_END && try_without_capa(session))
			continue;
		if (type == RESTANTE_EVENT_END)
			say_rest(session);
		if (type != RESTANTE_EVENT_NONE)
			return type;
		exchange(session);
	}
}

static enum restante_result
fail_at_end(struct restante_session *session)
{
	const struct restante_client *client = session->client;

	if (client->result == RESTANTE_OK)
		return fail(session, RESTANTE_CLOSED, "the session is over");
	return fail(session, client->result, client->error);
}

enum restante_result
restante_session_login(struct restante_session *session)
{
	const struct restante_event *event;
	enum restante_event_type type;

	while (session->client->phase != PHASE_READY) {
		type = restante_session_next(session, &event);
		if (type == RESTANTE_EVENT_END)
			return fail_at_end(session);
	}
	return RESTANTE_OK;
}

enum restante_result
restante_session_wait(
    struct restante_session *session, unsigned long command, const struct restante_event **event)
{
	const struct restante_event *each;
	enum restante_event_type type;

	if (event == NULL)
		event = &each;
	if (!command_is_open(session->client, command))
		return fail(session, RESTANTE_USAGE, "no such command waits for an answer");
	do {
		type = restante_session_next(session, event);
	} while (type != RESTANTE_EVENT_END &&
	    (type != RESTANTE_EVENT_DONE || restante_event_command(*event) != command));
	if (type == RESTANTE_EVENT_END)
		return fail_at_end(session);
	if (restante_event_result(*event) == RESTANTE_OK)
		return RESTANTE_OK;
	return fail(session, restante_event_result(*event), restante_event_text(*event));
}

enum restante_result
restante_session_stat(struct restante_session *session, uint64_t *count, uint64_t *octets)
{
	const struct restante_event *event;
	enum restante_result result =
	    restante_session_wait(session, restante_client_stat(session->client), &event);

	if (result == RESTANTE_OK) {
		*count = restante_event_number(event);
		*octets = restante_event_octets(event);
	}
	return result;
}

/* Up to the next piece of that message; 0: there is one, 1: its end, -1: failed. */
static int
next_piece(struct restante_session *session, unsigned long command)
{
	const struct restante_event *event;
	enum restante_event_type type;

	if (!command_is_open(session->client, command)) {
		fail(session, RESTANTE_USAGE, "no such command waits for an answer");
		return -1;
	}
	for (;;) {
		type = restante_session_next(session, &event);
		if (type == RESTANTE_EVENT_END) {
			fail_at_end(session);
			return -1;
		}
		if (restante_event_command(event) != command)
			continue;
		if (type == RESTANTE_EVENT_DATA) {
			session->data = restante_event_data(event, &session->data_size);
			session->data_command = command;
			return 0;
		}
		if (type != RESTANTE_EVENT_DONE)
			continue;
		if (restante_event_result(event) == RESTANTE_OK)
			return 1;
		fail(session, restante_event_result(event), restante_event_text(event));
		return -1;
	}
}

ptrdiff_t
restante_session_read(struct restante_session *session, unsigned long command, void *buffer, size_t size)
{
	if (session->data_size == 0 || session->data_command != command) {
		int found = next_piece(session, command);

		if (found != 0)
			return found < 0 ? -1 : 0;
	}
	if (size > session->data_size)
		size = session->data_size;
	memcpy(buffer, session->data, size);
	session->data += size;
	session->data_size -= size;
	return (ptrdiff_t)size;
}

/* Nothing comes behind its answer: the socket is closed, too. */
enum restante_result
restante_session_quit(struct restante_session *session)
{
	enum restante_result result =
	    restante_session_wait(session, restante_client_quit(session->client), NULL);
	const struct restante_event *event;

	if (session->client->phase == PHASE_OVER)
		restante_session_next(session, &event);
	return result;
}
