/* Addresses of the configuration as the kernel has them. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "parent/listeners.h"

static struct address
address_v4(const struct in_addr *host, uint16_t port)
{
	struct address address = { .size = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&address.socket;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	in->sin_addr = *host;
	return address;
}

static struct address
address_v6(const struct in6_addr *host, uint16_t port)
{
	struct address address = { .size = sizeof(struct sockaddr_in6) };
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&address.socket;

	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	in->sin6_addr = *host;
	return address;
}

/* The configuration's limit is that of sun_path. */
static struct address
address_path(const char *path)
{
	struct address address = { .size = sizeof(struct sockaddr_un) };
	struct sockaddr_un *un = (struct sockaddr_un *)&address.socket;

	_Static_assert(LISTENER_SIZE <= sizeof(un->sun_path), "every path fits");
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", path);
	return address;
}

bool
address_is_path(const struct address *address)
{
	return address->socket.ss_family == AF_UNIX;
}

static const char *
path_of(const struct address *address)
{
	return ((const struct sockaddr_un *)&address->socket)->sun_path;
}

size_t
addresses_of(const struct config_listener *listener, struct address found[2])
{
	uint16_t port = (uint16_t)listener->port;
	struct in6_addr v6;
	struct in_addr v4;

	if (config_is_path(listener->address)) {
		found[0] = address_path(listener->address);
		return 1;
	}
	if (strcmp(listener->address, "*") == 0) {
		found[0] = address_v4(&(struct in_addr){ .s_addr = htonl(INADDR_ANY) }, port);
		found[1] = address_v6(&in6addr_any, port);
		found[0].any = found[1].any = true;
		return 2;
	}
	if (inet_pton(AF_INET, listener->address, &v4) == 1) {
		found[0] = address_v4(&v4, port);
		return 1;
	}
	if (inet_pton(AF_INET6, listener->address, &v6) == 1) {
		found[0] = address_v6(&v6, port);
		/* One of the default listeners. */
		found[0].any = memcmp(&v6, &in6addr_loopback, sizeof(v6)) == 0;
		return 1;
	}
	return 0;
}

void
address_text(const struct address *address, char text[LISTENER_SIZE])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;
	char host[INET6_ADDRSTRLEN] = "?";

	if (address_is_path(address)) {
		snprintf(text, LISTENER_SIZE, "%s", path_of(address));
	} else if (address->socket.ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, LISTENER_SIZE, "%s:%u", host, ntohs(v4->sin_port));
	} else {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, LISTENER_SIZE, "[%s]:%u", host, ntohs(v6->sin6_port));
	}
}

bool
address_equal(const struct address *a, const struct address *b)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a->socket;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)&b->socket;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&a->socket;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)&b->socket;

	if (a->socket.ss_family != b->socket.ss_family)
		return false;
	if (address_is_path(a))
		return strcmp(path_of(a), path_of(b)) == 0;
	if (a->socket.ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a->socket.ss_family == AF_INET6 && a6->sin6_port == b6->sin6_port &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

bool
address_serves(const struct address *have, bool dual, const struct address *wanted)
{
	const struct sockaddr_in6 *have6 = (const struct sockaddr_in6 *)&have->socket;
	const struct sockaddr_in *wanted4 = (const struct sockaddr_in *)&wanted->socket;

	if (address_equal(have, wanted))
		return true;
	return dual && have->socket.ss_family == AF_INET6 && wanted->socket.ss_family == AF_INET &&
	       memcmp(&have6->sin6_addr, &in6addr_any, sizeof(in6addr_any)) == 0 &&
	       wanted4->sin_addr.s_addr == htonl(INADDR_ANY) &&
	       have6->sin6_port == wanted4->sin_port;
}
