/* See listener.h. */

#include "login/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "login/connection.h"
#include "login/duty.h"
#include "login/login.h"

#define PAUSE_MILLISECONDS 100
#define BATCH_MAX          64

static void listener_ready(struct watch *, uint32_t events);

void
listener_add(struct login *login, int socket, const struct ipc_listener *message)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	static const int on = 1;
	struct error error;

	if (listener == NULL) {
		LOG(LOG_LEVEL_ERROR, "listener-unusable", LOG_TEXT("listener", message->address),
		    LOG_TEXT("reason", "no memory"));
		close(socket);
		return;
	}
	listener->watch =
	    (struct watch){ .descriptor = socket, .ready = listener_ready, .owner = listener };
	if (loop_add(&login->loop, &listener->watch, 0, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "listener-unusable", LOG_TEXT("listener", message->address),
		    LOG_REASON(&error));
		free(listener);
		close(socket);
		return;
	}
	/* Accepted sockets inherit it, which spares a call for each. Not every family has it. */
	(void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	listener->login = login;
	listener->generation = message->generation;
	listener->tls = message->tls;
	listener->batch = 1;
	memcpy(listener->address, message->address, sizeof(listener->address));
	listener->next = login->listeners;
	login->listeners = listener;
}

static void
close_but(struct login *login, bool keep, uint32_t generation)
{
	struct listener **place = &login->listeners, *listener;

	while ((listener = *place) != NULL) {
		if (keep && listener->generation == generation) {
			place = &listener->next;
			continue;
		}
		*place = listener->next;
		watch_end(&listener->watch);
		close(listener->watch.descriptor);
		loop_bury(&login->loop, &listener->grave);
	}
}

void
listeners_listen(struct login *login, bool listen)
{
	bool pause = timer_is_set(&login->accept_pause);

	for (struct listener *listener = login->listeners; listener != NULL;
	     listener = listener->next)
		watch_for(&listener->watch, listen && !pause ? EPOLLIN : 0);
}

/* How many wait at one; only TCP can tell. */
static size_t
listener_waiting(const struct listener *listener)
{
	struct pollfd poll_descriptor = { .fd = listener->watch.descriptor, .events = POLLIN };
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (poll(&poll_descriptor, 1, 0) <= 0)
		return 0;
	/* Of a listening socket this is the length of its queue. */
	if (getsockopt(poll_descriptor.fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
	    info.tcpi_unacked == 0)
		return 1;
	return info.tcpi_unacked;
}

size_t
listeners_waiting(const struct login *login)
{
	size_t count = 0;

	for (const struct listener *listener = login->listeners; listener != NULL;
	     listener = listener->next)
		count += listener_waiting(listener);
	return count;
}

void
listeners_accept(struct login *login, uint32_t generation, uint32_t slot)
{
	close_but(login, true, generation);
	duty_begin(login, slot);
}

void
listeners_close(struct login *login)
{
	close_but(login, false, 0);
}

void
listeners_pause_over(struct timer *timer)
{
	listeners_listen(timer->owner, true);
}

/* Out of descriptors or memory: those who wait in the kernel may wait a little longer. */
static void
pause_all(struct login *login, int code)
{
	LOG(LOG_LEVEL_WARNING, "accept-paused", LOG_TEXT("reason", strerrordesc_np(code)));
	timer_set(&login->loop.timers, &login->accept_pause, login->loop.now + PAUSE_MILLISECONDS);
	listeners_listen(login, false);
}

static void
refuse(struct listener *listener, int socket, const struct peer *peer)
{
	static const char reply[] = "-ERR [SYS/TEMP] too many connections\r\n";
	char text[PEER_SIZE];

	/* A client of implicit TLS could not read it. */
	if (listener->tls != CONFIG_TLS_IMPLICIT)
		(void)send(socket, reply, sizeof(reply) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(socket);
	if (listener->refusing)
		return;
	peer_text(peer, text);
	LOG(LOG_LEVEL_WARNING, "too-many-connections", LOG_TEXT("peer", text),
	    LOG_TEXT("listener", listener->address));
	listener->refusing = true;
}

/* False: nobody is waiting. */
static bool
accept_one(struct login *login, struct listener *listener)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(address);
	struct peer peer;
	int socket = accept4(listener->watch.descriptor, (struct sockaddr *)&address, &size,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (socket < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_all(login, errno);
		/* Anything else is about a client that has gone already, or EAGAIN. */
		return false;
	}
	peer_from(&peer, (struct sockaddr *)&address);
	if (socket >= login->sockets_max)
		duty_is_full(login);
	if (socket >= login->sockets_max ||
	    login->young.count >= login->settings.connections_max ||
	    !addresses_enter(
		&login->addresses, &peer, login->settings.connections_per_address_max)) {
		refuse(listener, socket, &peer);
		return true;
	}
	listener->refusing = false;
	duty_has_room(login);
	connection_start(login, socket, &peer, listener);
	return true;
}

/*
 * Asking until nobody is left costs a call that fails. So one is accepted, and more only while
 * they come in crowds; the poll announces those that were left.
 */
static void
listener_ready(struct watch *watch, uint32_t events)
{
	struct listener *listener = watch->owner;
	unsigned accepted = 0;

	(void)events;
	while (accepted < listener->batch && duty_calls(listener->login) &&
	    accept_one(listener->login, listener))
		accepted++;
	if (accepted < listener->batch)
		listener->batch = 1;
	else if (listener->batch < BATCH_MAX)
		listener->batch *= 2;
}
