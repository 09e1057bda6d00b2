/* See listener.h. */

#include "front/listener.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

#define PAUSE_MILLISECONDS 100
#define BATCH_MAX          64
/* Descriptors that no stranger gets: other processes' answers come with one. */
#define RESERVED_MAX 64

void
listeners_listen(struct listeners *listeners, bool listen)
{
	bool pause = timer_is_set(&listeners->pause);

	for (struct listener *listener = listeners->first; listener != NULL; listener = listener->next)
		watch_for(&listener->watch, listen && !pause ? EPOLLIN : 0);
}

static void
pause_over(struct timer *timer)
{
	listeners_listen(timer->owner, true);
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
listeners_waiting(const struct listeners *listeners)
{
	size_t count = 0;

	for (const struct listener *listener = listeners->first; listener != NULL; listener = listener->next)
		count += listener_waiting(listener);
	return count;
}

static int
sockets_max(void)
{
	struct rlimit limit;
	rlim_t reserved;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
		return INT_MAX;
	reserved = limit.rlim_cur / 4 < RESERVED_MAX ? limit.rlim_cur / 4 : RESERVED_MAX;
	return (int)(limit.rlim_cur - reserved);
}

void
listeners_init(struct listeners *listeners, struct loop *loop)
{
	listeners->loop = loop;
	listeners->first = NULL;
	listeners->pause = (struct timer){ .expired = pause_over, .owner = listeners };
	listeners->sockets_max = sockets_max();
}

/* Out of descriptors or memory: those who wait in the kernel may wait a little longer. */
static void
pause_all(struct listeners *listeners, int code)
{
	LOG(LOG_LEVEL_WARNING, "accept-paused", LOG_TEXT("reason", strerrordesc_np(code)));
	timer_set(&listeners->loop->timers, &listeners->pause, listeners->loop->now + PAUSE_MILLISECONDS);
	listeners_listen(listeners, false);
}

/* False: nobody is waiting, or he is left to others. */
static bool
accept_one(struct listener *listener)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(address);
	int socket;

	if (listener->among->knocks != NULL && !listener->among->knocks(listener->among))
		return false;
	socket = accept4(listener->watch.descriptor, (struct sockaddr *)&address, &size,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (socket < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_all(listener->among, errno);
		/* Anything else is about a client that has gone already, or EAGAIN. */
		return false;
	}
	listener->among->accepted(listener, socket, &address);
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
	while (accepted < listener->batch && accept_one(listener))
		accepted++;
	if (accepted < listener->batch)
		listener->batch = 1;
	else if (listener->batch < BATCH_MAX)
		listener->batch *= 2;
}

static void
complain(const struct ipc_listener *message, int socket, const char *reason)
{
	LOG(LOG_LEVEL_ERROR, "listener-unusable", LOG_TEXT("listener", message->address),
	    LOG_TEXT("reason", reason));
	close(socket);
}

void
listener_add(struct listeners *listeners, int socket, const struct ipc_listener *message)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	static const int on = 1;
	struct error error;

	if (listener == NULL) {
		complain(message, socket, "no memory");
		return;
	}
	listener->watch =
	    (struct watch){ .descriptor = socket, .ready = listener_ready, .owner = listener };
	if (loop_add(listeners->loop, &listener->watch, 0, &error) < 0) {
		complain(message, socket, error.text);
		free(listener);
		return;
	}
	/* Accepted sockets inherit it, which spares a call for each. Not every family has it. */
	(void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	listener->among = listeners;
	listener->generation = message->generation;
	listener->tls = message->tls;
	listener->batch = 1;
	memcpy(listener->address, message->address, sizeof(listener->address));
	listener->next = listeners->first;
	listeners->first = listener;
}

static void
close_but(struct listeners *listeners, bool keep, uint32_t generation)
{
	struct listener **place = &listeners->first, *listener;

	while ((listener = *place) != NULL) {
		if (keep && listener->generation == generation) {
			place = &listener->next;
			continue;
		}
		*place = listener->next;
		watch_end(&listener->watch);
		close(listener->watch.descriptor);
		loop_bury(listeners->loop, &listener->grave);
	}
}

void
listeners_accept(struct listeners *listeners, uint32_t generation)
{
	close_but(listeners, true, generation);
	listeners_listen(listeners, true);
}

void
listeners_close(struct listeners *listeners)
{
	close_but(listeners, false, 0);
}
