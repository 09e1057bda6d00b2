/* Binds, keeps and hands over listening sockets; see listeners.h. */

#include "parent/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define BACKLOG 4096

static int
socket_option(int descriptor, int level, int name)
{
	static const int on = 1;

	return setsockopt(descriptor, level, name, &on, sizeof(on));
}

/* Accepted sockets inherit TCP_NODELAY and SO_KEEPALIVE from this one. */
static int
bind_one(const struct address *address)
{
	int family = address->socket.ss_family;
	int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int saved;

	if (descriptor < 0)
		return -1;
	if (socket_option(descriptor, SOL_SOCKET, SO_REUSEADDR) == 0 &&
	    (family != AF_INET6 || socket_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY) == 0) &&
	    socket_option(descriptor, SOL_SOCKET, SO_KEEPALIVE) == 0 &&
	    socket_option(descriptor, IPPROTO_TCP, TCP_NODELAY) == 0 &&
	    bind(descriptor, (const struct sockaddr *)&address->socket, address->size) == 0 &&
	    listen(descriptor, BACKLOG) == 0)
		return descriptor;
	saved = errno;
	close(descriptor);
	errno = saved;
	return -1;
}

static bool
contains(const struct listeners *listeners, int socket)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (listeners->list[i].socket == socket)
			return true;
	return false;
}

/* Closes what is in listeners and not in kept; activated sockets stay for a later reload. */
static void
close_except(const struct listeners *listeners, const struct listeners *kept)
{
	for (size_t i = 0; i < listeners->count; i++) {
		const struct listening *listening = &listeners->list[i];

		if (listening->activated || contains(kept, listening->socket))
			continue;
		close(listening->socket);
		if (address_is_path(&listening->address))
			socket_remove(&listening->address);
	}
}

static const struct listening *
find(const struct listeners *listeners, const struct address *address)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (address_equal(&listeners->list[i].address, address))
			return &listeners->list[i];
	return NULL;
}

static int
complain(const struct listening *listening, struct error *error)
{
	const char *hint = "";

	if (errno == EADDRINUSE)
		hint = " (another server has it; ss -ltnp shows which)";
	if (errno == EACCES)
		hint = " (a port below 1024 needs root)";
	return error_set(error, ERROR_PERMANENT, "cannot listen on %s: %s%s", listening->text,
	    strerrordesc_np(errno), hint);
}

static int
fill_path(struct listening *listening, const struct listening *before, const struct config_listener *listener,
    struct error *error)
{
	listening->socket = -1;
	if (before == NULL || before->activated)
		listening->socket = socket_listen(&listening->address, listener, error);
	else if (socket_adjust(&listening->address, listener, error) == 0)
		listening->socket = before->socket;
	return listening->socket < 0 ? -1 : 0;
}

/* 1: there is no such address family here, and it need not be. */
static int
fill(struct listening *listening, const struct listening *before, struct error *error)
{
	listening->socket = before != NULL && !before->activated ? before->socket :
	    bind_one(&listening->address);
	if (listening->socket >= 0)
		return 0;
	if (!listening->address.any || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return complain(listening, error);
	LOG(LOG_LEVEL_WARNING, "listener-left-out", LOG_TEXT("address", listening->text),
	    LOG_TEXT("reason", strerrordesc_np(errno)));
	return 1;
}

/* The index of the activated socket that serves the address, or -1. */
static int
activated_find(const struct activated *activated, const struct address *address)
{
	for (size_t i = 0; i < activated->count; i++)
		if (address_serves(&activated->list[i].address, activated->list[i].dual, address))
			return (int)i;
	return -1;
}

static int
add(struct listeners *next, const struct listeners *now, const struct config_listener *listener,
    const struct address *address, const struct activated *activated, struct error *error)
{
	struct listening *listening = &next->list[next->count];
	int ready = activated_find(activated, address);
	int left_out = 0;

	/* A socket for IPv4 and IPv6 serves both addresses of "*": it is handed out once. */
	if (ready >= 0 && find(next, &activated->list[ready].address) != NULL)
		return 0;
	memset(listening, 0, sizeof(*listening));
	listening->address = ready >= 0 ? activated->list[ready].address : *address;
	listening->protocol = listener->protocol;
	listening->tls = listener->tls;
	address_text(&listening->address, listening->text);
	if (ready >= 0) {
		listening->activated = true;
		listening->socket = activated->list[ready].socket;
	} else if (address_is_path(address)) {
		left_out = fill_path(listening, find(now, address), listener, error);
	} else {
		left_out = fill(listening, find(now, address), error);
	}
	next->count += left_out == 0;
	return left_out < 0 ? -1 : 0;
}

int
listeners_prepare(struct listeners *next, const struct listeners *now, const struct config *config,
    const struct activated *activated, struct error *error)
{
	next->count = 0;
	for (uint32_t i = 0; i < config->listener_count; i++) {
		struct address found[2];
		size_t count = addresses_of(&config->listeners[i], found);

		for (size_t n = 0; n < count; n++) {
			if (add(next, now, &config->listeners[i], &found[n], activated, error) <
			    0) {
				close_except(next, now);
				return -1;
			}
		}
	}
	if (next->count == 0)
		return error_set(error, ERROR_PERMANENT, "there is no address to listen on");
	return 0;
}

void
listeners_commit(struct listeners *now, const struct listeners *next)
{
	close_except(now, next);
	*now = *next;
}

void
listeners_remove(const struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (!listeners->list[i].activated && address_is_path(&listeners->list[i].address))
			socket_remove(&listeners->list[i].address);
}
