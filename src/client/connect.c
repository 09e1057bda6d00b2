/* To a server by name: its addresses in turn (RFC 6724 orders them), each with a time of its own. */

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/session.h"

/* 0, or the errno of the connection. */
static int
await(int descriptor, uint64_t deadline)
{
	struct pollfd wanted = { .fd = descriptor, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	for (;;) {
		uint64_t now = clock_milliseconds();
		int ready = now >= deadline ? 0 : poll(&wanted, 1, (int)(deadline - now));

		if (ready > 0)
			break;
		if (ready == 0)
			return ETIMEDOUT;
		if (errno != EINTR)
			return errno;
	}
	return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ? errno : error;
}

/* The socket; -1: errno says why. */
static int
connect_address(const struct addrinfo *address, uint64_t timeout_seconds)
{
	const int yes = 1;
	int descriptor = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    address->ai_protocol);
	int error = 0;

	if (descriptor < 0)
		return -1;
	if (connect(descriptor, address->ai_addr, address->ai_addrlen) != 0)
		error = errno == EINPROGRESS || errno == EINTR ?
		    await(descriptor, clock_milliseconds() + 1000 * timeout_seconds) : errno;
	if (error == 0) {
		setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		return descriptor;
	}
	close(descriptor);
	errno = error;
	return -1;
}

static enum restante_result
lookup_result(int problem)
{
	if (problem == EAI_MEMORY)
		return RESTANTE_MEMORY;
	return problem == EAI_AGAIN || problem == EAI_SYSTEM ? RESTANTE_UNREACHABLE : RESTANTE_UNKNOWN_HOST;
}

int
connect_host(const char *host, const char *port, uint64_t timeout_seconds, enum restante_result *result,
    char *text, size_t text_size)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *addresses;
	int problem = getaddrinfo(host, port, &hints, &addresses), descriptor = -1, error = 0;

	if (problem != 0) {
		*result = lookup_result(problem);
		snprintf(text, text_size, "%s: %s", host, gai_strerror(problem));
		return -1;
	}
	for (const struct addrinfo *each = addresses; each != NULL && descriptor < 0; each = each->ai_next) {
		descriptor = connect_address(each, timeout_seconds);
		error = errno;
	}
	freeaddrinfo(addresses);
	if (descriptor >= 0)
		return descriptor;
	/* Reset: somebody was there, and went. */
	*result = error == ETIMEDOUT ? RESTANTE_TIMED_OUT :
	    error == ECONNRESET ? RESTANTE_CLOSED : RESTANTE_UNREACHABLE;
	snprintf(text, text_size, "%s, port %s: %s", host, port,
	    strerrordesc_np(error) != NULL ? strerrordesc_np(error) : "unknown error");
	return -1;
}
