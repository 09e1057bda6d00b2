/*
 * A long line between client and server, on one machine: what comes in leaves so many milliseconds later.
 *
 *	delayline PORT TARGET MILLISECONDS
 *
 * Listens on 127.0.0.1 and connects to another port there. Any number of octets may be on their way: it is
 * as wide as this machine allows, and takes as little of it as can be, for those who are measured need it.
 * Prints a line of JSON when it is ready, and one when a connection has ended: how many octets went each
 * way, and the turns, which are the times that the client spoke again after it had been answered. Ends by
 * SIGTERM.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/number.h"

#define PIECE_SIZE (256 * 1024)

/* What came at once; without octets, the end. */
struct piece {
	struct piece *next;
	uint64_t due;
	size_t size, gone;
	char text[];
};

struct connection;

/* One side of a connection, and what is on its way to it. */
struct side {
	struct connection *connection;
	struct side *other;
	struct watch watch;
	struct timer timer;
	struct piece *first, **last;
	uint64_t octets;	/* that have left towards it */
	bool has_ended;		/* nothing more comes from it */
	bool is_told_end;	/* nothing more goes to it */
};

struct connection {
	struct grave grave;
	struct side client, server;
	uint64_t turns;
	bool is_answered;	/* since the client spoke */
};

static struct loop loop;
static struct sockaddr_in target;
static uint64_t delay;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
side_close(struct side *side)
{
	watch_leave(&side->watch);
	timer_clear(&loop.timers, &side->timer);
	close(side->watch.descriptor);
	while (side->first != NULL) {
		struct piece *piece = side->first;

		side->first = piece->next;
		free(piece);
	}
}

static void
connection_end(struct connection *connection)
{
	printf("{\"to_server\": %" PRIu64 ", \"to_client\": %" PRIu64 ", \"turns\": %" PRIu64 "}\n",
	    connection->server.octets, connection->client.octets, connection->turns);
	fflush(stdout);
	side_close(&connection->client);
	side_close(&connection->server);
	loop_bury(&loop, &connection->grave);
}

/* False: it can take no more at present. */
static bool
piece_send(struct side *side, struct piece *piece)
{
	ssize_t size;

	if (piece->size == 0) {
		shutdown(side->watch.descriptor, SHUT_WR);
		side->is_told_end = true;
		return true;
	}
	size = send(side->watch.descriptor, piece->text + piece->gone, piece->size - piece->gone, MSG_NOSIGNAL);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* Who has gone is sent nothing; that it has gone is read from it. */
	piece->gone = size < 0 ? piece->size : piece->gone + (size_t)size;
	side->octets += size < 0 ? 0 : (size_t)size;
	return piece->gone == piece->size;
}

/* One that has closed both ways is no more looked at: it would be ready for ever. */
static void
side_wait(struct side *side, bool is_full)
{
	if (side->has_ended && side->is_told_end)
		watch_end(&side->watch);
	else
		watch_for(&side->watch, (side->has_ended ? 0 : EPOLLIN) | (is_full ? EPOLLOUT : 0));
}

/* Sends what is due, and waits for the rest. */
static void
side_send(struct side *side)
{
	struct connection *connection = side->connection;
	bool is_full = false;

	while (side->first != NULL && side->first->due <= loop.now && !is_full) {
		struct piece *piece = side->first;

		is_full = !piece_send(side, piece);
		connection->is_answered |= side == &connection->client;
		if (is_full)
			break;
		side->first = piece->next;
		if (side->first == NULL)
			side->last = &side->first;
		free(piece);
	}
	side_wait(side, is_full);
	if (side->first != NULL && !is_full)
		timer_set(&loop.timers, &side->timer, side->first->due);
	if (connection->client.is_told_end && connection->server.is_told_end)
		connection_end(connection);
}

static void
piece_is_due(struct timer *timer)
{
	side_send(timer->owner);
}

static void
side_receive(struct side *side)
{
	static char text[PIECE_SIZE];
	struct side *to = side->other;
	ssize_t size = recv(side->watch.descriptor, text, sizeof(text), 0);
	struct piece *piece;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size < 0)
		size = 0;
	piece = malloc(sizeof(*piece) + (size_t)size);
	if (piece == NULL)
		die("delayline: memory");
	*piece = (struct piece){ .due = loop.now + delay, .size = (size_t)size };
	memcpy(piece->text, text, (size_t)size);
	*to->last = piece;
	to->last = &piece->next;
	side->has_ended = size == 0;
	if (side == &side->connection->client && size > 0) {
		side->connection->turns += side->connection->is_answered;
		side->connection->is_answered = false;
	}
	if (side->has_ended)
		side_wait(side, (side->watch.events & EPOLLOUT) != 0);
	if (to->first == piece)
		timer_set(&loop.timers, &to->timer, piece->due);
}

static void
side_ready(struct watch *watch, uint32_t events)
{
	struct side *side = watch->owner;

	if ((events & EPOLLIN) != 0 && !side->has_ended)
		side_receive(side);
	if ((events & EPOLLOUT) != 0)
		side_send(side);
}

static void
side_open(struct side *side, struct connection *connection, struct side *other, int descriptor)
{
	int on = 1;
	struct error error;

	*side = (struct side){ .connection = connection, .other = other, .last = &side->first,
		.watch = { .descriptor = descriptor, .ready = side_ready, .owner = side },
		.timer = { .expired = piece_is_due, .owner = side } };
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (loop_add(&loop, &side->watch, EPOLLIN, &error) != 0)
		die("delayline: loop");
}

static void
listener_ready(struct watch *watch, uint32_t events)
{
	int client = accept4(watch->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct connection *connection = calloc(1, sizeof(*connection));

	(void)events;
	if (client < 0 || server < 0 || connection == NULL)
		die("delayline: accept");
	if (connect(server, (struct sockaddr *)&target, sizeof(target)) != 0) {
		perror("delayline: connect");
		close(client);
		close(server);
		free(connection);
		return;
	}
	if (fcntl(server, F_SETFL, O_NONBLOCK) != 0)
		die("delayline: server");
	side_open(&connection->client, connection, &connection->server, client);
	side_open(&connection->server, connection, &connection->client, server);
}

static struct sockaddr_in
local(uint64_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
}

static void
line_listen(struct watch *watch, uint64_t port)
{
	struct sockaddr_in address = local(port);
	struct error error;
	int on = 1;

	*watch = (struct watch){ .ready = listener_ready,
		.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	if (watch->descriptor < 0 ||
	    setsockopt(watch->descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(watch->descriptor, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(watch->descriptor, 100) != 0)
		die("delayline: listen");
	if (loop_open(&loop, &error) != 0 || loop_add(&loop, watch, EPOLLIN, &error) != 0)
		die("delayline: loop");
}

int
main(int argc, char **argv)
{
	struct watch listener;
	uint64_t port, target_port;

	if (argc != 4 || !number_parse(argv[1], &port) || !number_parse(argv[2], &target_port) ||
	    !number_parse(argv[3], &delay)) {
		fprintf(stderr, "usage: delayline PORT TARGET MILLISECONDS\n");
		return 64;
	}
	target = local(target_port);
	line_listen(&listener, port);
	puts("{\"ready\": true}");
	fflush(stdout);
	for (;;)
		loop_wait(&loop);
}
