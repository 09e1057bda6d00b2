/* A socket that is read by lines and written with patience: see relay.h. */

#include "smtp/relay.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

int
relay_open(struct relay *relay, enum relay_protocol protocol, const char *path, unsigned timeout_seconds,
    struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int result;

	if (length >= sizeof(address.sun_path))
		return error_set(error, ERROR_PERMANENT, "%.150s is longer than a socket's path may be", path);
	memcpy(address.sun_path, path, length);
	*relay = (struct relay){ .socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.protocol = protocol, .timeout_seconds = timeout_seconds };
	if (relay->socket < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot make a socket");
	while ((result = connect(relay->socket, (struct sockaddr *)&address, sizeof(address))) != 0 &&
	    errno == EINTR)
		continue;
	if (result == 0)
		return 0;
	error_errno(error, ERROR_TEMPORARY, "cannot reach the server on %.150s", path);
	close(relay->socket);
	return -1;
}

/* 0, or -1 with errno. Whoever does not answer is given up when the time is over. */
static int
address_connect(int file, const struct addrinfo *address, unsigned timeout_seconds)
{
	struct pollfd ready = { .fd = file, .events = POLLOUT };
	uint64_t deadline = clock_milliseconds() + UINT64_C(1000) * timeout_seconds;
	int problem = 0, n = 0;
	socklen_t size = sizeof(problem);

	if (connect(file, address->ai_addr, address->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return -1;
	do {
		uint64_t now = clock_milliseconds();

		n = now < deadline ? poll(&ready, 1, (int)(deadline - now)) : 0;
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		problem = ETIMEDOUT;
	else if (n < 0 || getsockopt(file, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
		problem = errno;
	errno = problem;
	return problem == 0 ? 0 : -1;
}

/* -1, and errno says what was wrong with the last one. */
static int
addresses_connect(const struct addrinfo *all, unsigned timeout_seconds)
{
	for (const struct addrinfo *address = all; address != NULL; address = address->ai_next) {
		int file = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), problem;

		if (file < 0)
			continue;
		if (address_connect(file, address, timeout_seconds) == 0)
			return file;
		problem = errno;
		close(file);
		errno = problem;
	}
	return -1;
}

int
relay_open_host(struct relay *relay, enum relay_protocol protocol, const char *host, const char *port,
    unsigned timeout_seconds, struct error *error)
{
	const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *all;
	int result = getaddrinfo(host, port, &wanted, &all);

	if (result != 0)
		return error_set(error, ERROR_TEMPORARY, "cannot find the host %.100s: %s", host,
		    gai_strerror(result));
	*relay = (struct relay){ .socket = addresses_connect(all, timeout_seconds), .protocol = protocol,
		.timeout_seconds = timeout_seconds };
	freeaddrinfo(all);
	return relay->socket >= 0 ? 0 :
	    error_errno(error, ERROR_TEMPORARY, "cannot reach %.100s, port %.20s", host, port);
}

void
relay_close(struct relay *relay)
{
	close(relay->socket);
}

bool
relay_is_over(const struct relay *relay)
{
	struct pollfd ready = { .fd = relay->socket, .events = POLLIN };

	return relay->taken < relay->used || poll(&ready, 1, 0) != 0;
}

/* The server reads and writes when it can; whoever waits longer than this waits for nothing. */
static int
wait_for(const struct relay *relay, short events, uint64_t deadline, struct error *error)
{
	struct pollfd ready = { .fd = relay->socket, .events = events };

	for (;;) {
		uint64_t now = clock_milliseconds();
		int n = now < deadline ? poll(&ready, 1, (int)(deadline - now)) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return error_set(error, ERROR_TEMPORARY, "the server has been silent for %u seconds",
			    relay->timeout_seconds);
		if (errno != EINTR)
			return error_errno(error, ERROR_TEMPORARY, "cannot wait for the server");
	}
}

static int
fill(struct relay *relay, uint64_t deadline, struct error *error)
{
	ssize_t n;

	do {
		if (wait_for(relay, POLLIN, deadline, error) != 0)
			return -1;
		n = recv(relay->socket, relay->input, sizeof(relay->input), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot hear the server");
	if (n == 0)
		return error_set(error, ERROR_TEMPORARY, "the server has closed the connection");
	relay->used = (size_t)n;
	relay->taken = 0;
	return 0;
}

int
relay_line(struct relay *relay, char line[RELAY_LINE_SIZE], uint64_t deadline, struct error *error)
{
	size_t length = 0;
	char octet = '\0';

	while (octet != '\n') {
		if (relay->taken == relay->used && fill(relay, deadline, error) != 0)
			return -1;
		octet = relay->input[relay->taken++];
		/* What is shown to a person, or goes to a log. */
		if (octet != '\r' && octet != '\n' && length < RELAY_LINE_SIZE - 1)
			line[length++] = (unsigned char)octet < ' ' || octet == 0x7f ? '?' : octet;
	}
	line[length] = '\0';
	return 0;
}

int
relay_send(struct relay *relay, const char *octets, size_t size, struct error *error)
{
	while (size > 0) {
		ssize_t n = send(relay->socket, octets, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			octets += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (wait_for(relay, POLLOUT,
				clock_milliseconds() + UINT64_C(1000) * relay->timeout_seconds, error) != 0)
				return -1;
		} else if (errno != EINTR) {
			return error_errno(error, ERROR_TEMPORARY, "cannot tell the server");
		}
	}
	return 0;
}
