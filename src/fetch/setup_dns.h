/* Inside src/fetch: where the mail of a domain is, as its DNS says (RFC 2782, RFC 6186). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct srv {
	char host[HOST_SIZE];
	uint16_t port, priority, weight;
};

/*
 * The servers of a service ("_pop3s._tcp.example.org"), the best first; at most max of them. 0: there is
 * none, or nobody answers. *is_denied: the domain says that it does not have that service. Waits for a
 * name server.
 */
size_t srv_find(const char *service, struct srv found[], size_t max, bool *is_denied);
/* The same from the octets of an answer. */
size_t srv_parse(const unsigned char *answer, size_t size, struct srv found[], size_t max, bool *is_denied);
