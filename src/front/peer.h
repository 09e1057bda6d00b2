/* The address of a client, small: there may be very many. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/limits.h"

struct peer {
	uint8_t address[16];	/* IPv6; IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
};

/* An address of another family becomes ::. */
void peer_from(struct peer *, const struct sockaddr *);
/* "192.0.2.1:4711", "[2001:db8::1]:4711" */
void peer_text(const struct peer *, char text[PEER_SIZE]);
/* The address alone, with before in front of it: "192.0.2.1" */
void peer_host(const struct peer *, const char *before, char text[PEER_SIZE]);
/* As IPv4 or as ::ffff:a.b.c.d. */
bool peer_is_ipv4(const struct peer *);
/* 127.0.0.0/8 or ::1 */
bool peer_is_loopback(const struct peer *);
