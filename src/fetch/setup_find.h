/* Inside src/fetch: where the mail of an address may be, the likeliest first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/providers.h"
#include "fetch/setup_probe.h"

#define CANDIDATES_MAX 32

struct candidates {
	size_t count;
	struct candidate all[CANDIDATES_MAX];
	bool is_denied;		/* the domain says that it has no POP3 */
};

/*
 * A known provider's server; those that the domain names in DNS (RFC 6186), TLS before STLS; hosts that
 * are usually called so. provider: NULL, or whose the domain is. Waits for a name server.
 */
void candidates_find(struct candidates *, const char *domain, const struct provider *provider);
/* "host" or "host:port": both ways to protect it. False: it is no such thing. */
bool candidates_of_server(struct candidates *, const char *server);
