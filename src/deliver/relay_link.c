/* A Unix socket that is read by lines and written with patience: see relay.h. */

#include "deliver/relay.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

int
relay_open(struct relay *relay, const char *path, unsigned timeout_seconds, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int result;

	if (length >= sizeof(address.sun_path))
		return error_set(error, ERROR_PERMANENT, "%.150s is longer than a socket's path may be", path);
	memcpy(address.sun_path, path, length);
	*relay = (struct relay){ .socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.timeout_seconds = timeout_seconds };
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

void
relay_close(struct relay *relay)
{
	close(relay->socket);
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
