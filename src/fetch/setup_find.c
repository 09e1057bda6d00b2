/* See setup_find.h. */

#include "fetch/setup_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "fetch/setup_dns.h"

#define SRV_MAX 8

/* RFC 8314: 995; RFC 1939: 110. */
static uint64_t
port_of(enum account_security security)
{
#ifdef RESTANTE_TEST_HOOKS
	const char *port =
	    getenv(security == ACCOUNT_TLS ? "RESTANTE_TEST_POP3S_PORT" : "RESTANTE_TEST_POP3_PORT");

	if (port != NULL)
		return (uint64_t)atoi(port);
#endif
	return security == ACCOUNT_TLS ? 995 : 110;
}

static void
candidate_add(struct candidates *candidates, const char *host, uint64_t port, enum account_security security,
    bool is_foreign)
{
	struct candidate *candidate = &candidates->all[candidates->count];

	if (candidates->count == CANDIDATES_MAX || strlen(host) >= sizeof(candidate->host))
		return;
	for (size_t i = 0; i < candidates->count; i++)
		if (strcasecmp(candidates->all[i].host, host) == 0 && candidates->all[i].port == port)
			return;
	candidates->count++;
	snprintf(candidate->host, sizeof(candidate->host), "%s", host);
	candidate->port = port;
	candidate->security = security;
	candidate->is_foreign = is_foreign;
}

/* RFC 6186, section 6: an answer that was forged leads to another domain, whose certificate is good. */
static bool
is_foreign(const char *host, const char *domain)
{
	size_t host_length = strlen(host), domain_length = strlen(domain);

	if (strcasecmp(host, domain) == 0)
		return false;
	return host_length <= domain_length || host[host_length - domain_length - 1] != '.' ||
	       strcasecmp(host + host_length - domain_length, domain) != 0;
}

static void
srv_add(struct candidates *candidates, const char *service, const char *domain, enum account_security security)
{
	struct srv found[SRV_MAX];
	char name[HOST_SIZE + 32];
	bool is_denied;
	size_t count;

	snprintf(name, sizeof(name), "%s._tcp.%s", service, domain);
	count = srv_find(name, found, SRV_MAX, &is_denied);
	for (size_t i = 0; i < count; i++)
		candidate_add(
		    candidates, found[i].host, found[i].port, security, is_foreign(found[i].host, domain));
	candidates->is_denied = candidates->is_denied || is_denied;
}

void
candidates_find(struct candidates *candidates, const char *domain, const struct provider *provider)
{
	static const char *const names[] = { "pop.", "pop3.", "mail.", "" };
	char host[HOST_SIZE + 8];

	candidates->count = 0;
	candidates->is_denied = false;
	if (provider != NULL && provider->server[0] != '\0') {
		candidate_add(candidates, provider->server, port_of(ACCOUNT_TLS), ACCOUNT_TLS, false);
		return;
	}
	srv_add(candidates, "_pop3s", domain, ACCOUNT_TLS);
	srv_add(candidates, "_pop3", domain, ACCOUNT_STLS);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(host, sizeof(host), "%s%s", names[i], domain);
		candidate_add(candidates, host, port_of(ACCOUNT_TLS), ACCOUNT_TLS, false);
		candidate_add(candidates, host, port_of(ACCOUNT_STLS), ACCOUNT_STLS, false);
	}
}

bool
candidates_of_server(struct candidates *candidates, const char *server)
{
	const char *colon = strrchr(server, ':');
	char host[HOST_SIZE];
	uint64_t port = 0;

	candidates->count = 0;
	candidates->is_denied = false;
	if (colon != NULL && (!number_parse(colon + 1, &port) || port < 1 || port > 65535))
		return false;
	if (snprintf(host, sizeof(host), "%.*s", colon != NULL ? (int)(colon - server) : (int)strlen(server),
		server) >= (int)sizeof(host) ||
	    host[0] == '\0')
		return false;
	for (int security = ACCOUNT_TLS; security <= ACCOUNT_STLS; security++)
		if (port != 0) {
			/* Both of them at one port: added by hand, since the list has each port once. */
			candidates->all[candidates->count++] =
			    (struct candidate){ .port = port, .security = (enum account_security)security };
			snprintf(candidates->all[security].host, HOST_SIZE, "%s", host);
		} else {
			candidate_add(candidates, host, port_of((enum account_security)security),
			    (enum account_security)security, false);
		}
	return true;
}
