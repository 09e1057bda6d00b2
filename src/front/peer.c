/* See peer.h. */

#include "front/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

void
peer_from(struct peer *peer, const struct sockaddr *address)
{
	memset(peer, 0, sizeof(*peer));
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		memcpy(peer->address, mapped_prefix, sizeof(mapped_prefix));
		memcpy(peer->address + 12, &in->sin_addr, 4);
		peer->port = ntohs(in->sin_port);
	} else if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		memcpy(peer->address, &in6->sin6_addr, 16);
		peer->port = ntohs(in6->sin6_port);
	}
}

bool
peer_is_ipv4(const struct peer *peer)
{
	return memcmp(peer->address, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

void
peer_host(const struct peer *peer, const char *before, char text[PEER_SIZE])
{
	char address[INET6_ADDRSTRLEN] = "";

	if (peer_is_ipv4(peer))
		inet_ntop(AF_INET, peer->address + 12, address, sizeof(address));
	else
		inet_ntop(AF_INET6, peer->address, address, sizeof(address));
	snprintf(text, PEER_SIZE, "%s%s", before, address);
}

void
peer_text(const struct peer *peer, char text[PEER_SIZE])
{
	char host[PEER_SIZE];
	size_t length;

	peer_host(peer, peer_is_ipv4(peer) ? "" : "[", host);
	length = strlen(host);
	memcpy(text, host, length);
	snprintf(text + length, PEER_SIZE - length, peer_is_ipv4(peer) ? ":%u" : "]:%u", peer->port);
}

bool
peer_is_loopback(const struct peer *peer)
{
	if (peer_is_ipv4(peer))
		return peer->address[12] == 127;
	return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)peer->address);
}
