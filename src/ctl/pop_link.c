/* See pop_link.h. */

#include "ctl/pop_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define CONNECT_SECONDS 30
#define SILENT_MILLISECONDS 60000	/* a server that says nothing for so long */
#define ALL_MILLISECONDS (30 * 60000)	/* and one that says little at a time */

static struct addrinfo *
addresses_get(const char *host, const char *port, struct error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *addresses;
	int result = getaddrinfo(host, port, &hints, &addresses);

	if (result == 0)
		return addresses;
	error_set(error, ERROR_TEMPORARY, "%.100s port %.20s: %s", host, port, gai_strerror(result));
	return NULL;
}

static bool
is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
	return address->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

bool
pop_host_is_loopback(const char *host)
{
	struct error error;
	struct addrinfo *addresses = addresses_get(host, "110", &error);
	bool all = addresses != NULL;

	for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next)
		all = all && is_loopback(a->ai_addr);
	if (addresses != NULL)
		freeaddrinfo(addresses);
	return all;
}

static int
connect_one(const struct addrinfo *address)
{
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
	int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), problem;

	if (descriptor < 0)
		return -1;
	/* On Linux it limits connect(), too. */
	setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0)
		return descriptor;
	problem = errno;
	close(descriptor);
	errno = problem == EINPROGRESS ? ETIMEDOUT : problem;
	return -1;
}

/* The addresses that count are those that are connected to, whatever was said of the name before. */
static int
connect_host(struct pop_link *link, const struct pop_server *server, struct error *error)
{
	struct addrinfo *addresses = addresses_get(server->host, server->port, error);

	if (addresses == NULL)
		return -1;
	errno = EACCES;
	for (const struct addrinfo *a = addresses; a != NULL && link->descriptor < 0; a = a->ai_next)
		if (!server->loopback_only || is_loopback(a->ai_addr))
			link->descriptor = connect_one(a);
	if (link->descriptor < 0 && errno == EACCES && server->loopback_only)
		error_set(error, ERROR_TEMPORARY, "%.100s has addresses of other hosts: say --tls",
		    server->host);
	else if (link->descriptor < 0)
		error_errno(error, ERROR_TEMPORARY, "cannot connect to %.100s port %.20s", server->host,
		    server->port);
	freeaddrinfo(addresses);
	return link->descriptor < 0 ? -1 : 0;
}

static bool
is_numeric(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static void
openssl_run(const struct pop_server *server)
{
	const char *host = server->host;
	char where[300];
	const char *arguments[24];
	size_t n = 0;

	snprintf(where, sizeof(where), strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
	    server->port);
	arguments[n++] = "openssl";
	arguments[n++] = "s_client";
	arguments[n++] = "-quiet";
	arguments[n++] = "-verify_quiet";
	/* -verify makes it look at all; -verify_return_error makes it stop. */
	arguments[n++] = "-verify";
	arguments[n++] = "10";
	arguments[n++] = "-verify_return_error";
	arguments[n++] = is_numeric(host) ? "-verify_ip" : "-verify_hostname";
	arguments[n++] = host;
	if (!is_numeric(host)) {
		arguments[n++] = "-servername";
		arguments[n++] = host;
	}
	if (server->ca_file != NULL) {
		arguments[n++] = "-CAfile";
		arguments[n++] = server->ca_file;
	}
	if (server->tls == POP_TLS_STLS) {
		arguments[n++] = "-starttls";
		arguments[n++] = "pop3";
	}
	arguments[n++] = "-connect";
	arguments[n++] = where;
	arguments[n] = NULL;
	execvp("openssl", (char *const *)(void *)arguments);
	fprintf(stderr, "restantectl: the program openssl cannot be started: %s\n", strerrordesc_np(errno));
	_exit(127);
}

static int
openssl_start(struct pop_link *link, const struct pop_server *server, struct error *error)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return error_errno(error, ERROR_TEMPORARY, "socketpair");
	link->openssl = fork();
	if (link->openssl == 0) {
		dup2(ends[1], STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		openssl_run(server);
	}
	close(ends[1]);
	link->descriptor = ends[0];
	if (link->openssl < 0) {
		link->openssl = 0;
		return error_errno(error, ERROR_TEMPORARY, "fork");
	}
	link->greeted = server->tls == POP_TLS_STLS;
	return 0;
}

int
pop_link_open(struct pop_link *link, const struct pop_server *server, struct error *error)
{
	int result;

	*link = (struct pop_link){ .descriptor = -1,
		.deadline_milliseconds = clock_milliseconds() + ALL_MILLISECONDS };
	result = server->tls == POP_TLS_NONE ? connect_host(link, server, error)
	                                     : openssl_start(link, server, error);
	if (result != 0)
		pop_link_close(link);
	return result;
}

/* 0, or -1: nothing happens any more. */
static int
wait_ready(const struct pop_link *link, short events, struct error *error)
{
	struct pollfd polled = { .fd = link->descriptor, .events = events };
	uint64_t now = clock_milliseconds();
	int result;

	if (now >= link->deadline_milliseconds)
		return error_set(error, ERROR_TEMPORARY, "the server takes too long");
	do
		result = poll(&polled, 1, SILENT_MILLISECONDS);
	while (result < 0 && errno == EINTR);
	if (result < 0)
		return error_errno(error, ERROR_TEMPORARY, "poll");
	return result > 0 ? 0 : error_set(error, ERROR_TEMPORARY, "the server does not answer");
}

/* Before the first word s_client alone knows what is wrong, and has said it. */
static int
broken(const struct pop_link *link, struct error *error)
{
	if (link->openssl > 0 && !link->heard)
		return error_set(error, ERROR_PROTOCOL, "there is no TLS connection: openssl says why");
	return error_errno(error, ERROR_TEMPORARY, "the connection is broken");
}

int
pop_link_send(struct pop_link *link, const char *text, size_t size, struct error *error)
{
	for (size_t done = 0; done < size;) {
		ssize_t n;

		if (wait_ready(link, POLLOUT, error) != 0)
			return -1;
		n = send(link->descriptor, text + done, size - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return broken(link, error);
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

ssize_t
pop_link_fill(void *context, char *buffer, size_t size, struct error *error)
{
	struct pop_link *link = context;
	ssize_t n;

	do {
		if (wait_ready(link, POLLIN, error) != 0)
			return -1;
		n = recv(link->descriptor, buffer, size, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 || (n == 0 && link->openssl > 0 && !link->heard))
		return broken(link, error);
	link->heard = true;
	return n;
}

void
pop_link_close(struct pop_link *link)
{
	if (link->descriptor >= 0)
		close(link->descriptor);
	link->descriptor = -1;
	if (link->openssl > 0) {
		kill(link->openssl, SIGTERM);
		while (waitpid(link->openssl, NULL, 0) < 0 && errno == EINTR)
			;
	}
	link->openssl = 0;
}
