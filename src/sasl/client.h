/*
 * SASL mechanisms, the client's side, as pure steps: challenge in, response out (over libgsasl, and our
 * own where it has none). Nothing here waits for the server, knows base64 or writes to a log; GSSAPI may
 * ask the KDC for a ticket. An exchange belongs to one thread at a time, any number to any number of
 * threads.
 *
 * The mechanism's first response comes from a step without a challenge where sasl_client_speaks_first()
 * says so, whether it then leaves with AUTH or behind an empty challenge (RFC 5034, section 4).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define SASL_CLIENT_CHALLENGE_MAX 16384	/* a longer one is refused */
#define SASL_CLIENT_RESPONSE_SIZE 65536	/* room for every response; tokens and tickets can be long */
#define APOP_DIGEST_SIZE          33	/* 32 hex digits and a NUL */

struct sasl_client;		/* one exchange */

/* What there is to log in with; NULL: it is not there. All of it is lent for the call. */
struct sasl_client_secrets {
	const char *user, *password;
	const char *authorization;	/* whose maildrop; NULL: the user's own */
	const char *token;	/* OAuth 2 */
	const char *host;	/* the server */
	const char *service;	/* "pop" (RFC 5034, section 5) */
	unsigned port;
	bool protected;		/* by TLS, with the server's identity checked */
	bool certificate;	/* the client has shown one in TLS: EXTERNAL is possible */
	const char *binding_type;	/* channel binding: "tls-exporter", "tls-unique"; NULL: none */
	const void *binding;
	size_t binding_size;
};

/*
 * The best mechanism that the server offers, that the secrets are enough for and that was not tried, and
 * marks it in *tried; NULL: none is left. offered and wanted are names separated by spaces, in any case.
 * wanted NULL, "" or "*": all but DIGEST-MD5 (RFC 6331), the strongest first; else those, in their
 * order; names that are none of ours (APOP, USER) are passed over. What would show a password or token to
 * whoever listens is left out unless protected or clear_allowed. *tried begins as 0.
 */
const char *sasl_client_choose(const char *offered, const char *wanted,
    const struct sasl_client_secrets *, bool clear_allowed, unsigned *tried);

/* ERROR_PERMANENT: unknown mechanism, or one that cannot carry these secrets. */
int sasl_client_begin(struct sasl_client **, const char *mechanism,
    const struct sasl_client_secrets *, struct error *);
/* Wipes and frees. NULL is fine. */
void sasl_client_end(struct sasl_client *);
/* Is the first step without a challenge? */
bool sasl_client_speaks_first(const struct sasl_client *);
/*
 * challenge is decoded, the response not yet encoded. *response_size in: room, out: octets. -1,
 * ERROR_PROTOCOL: the server's message is wrong, so cancel with "*" (RFC 5034, section 4) and do not
 * believe a +OK; ERROR_DENIED: it said no within the mechanism; ERROR_PERMANENT: the mechanism cannot
 * carry these secrets, or there is no ticket.
 *
 * OAuth's servers say why they refuse in a challenge, which must be answered before their -ERR comes
 * (RFC 7628, section 3.2.3): that is 0 with the answer, and sasl_client_problem() has the text.
 */
int sasl_client_step(struct sasl_client *, const void *challenge, size_t size, void *response,
    size_t *response_size, struct error *);
/*
 * Is the mechanism content? A server that says +OK earlier, before SCRAM's signature was checked, is an
 * impostor; so is one that says it behind a problem.
 */
bool sasl_client_is_done(const struct sasl_client *);
/* Why the server refuses, as it says it (JSON, SCRAM's "e="), printable; NULL: it said nothing. Lent. */
const char *sasl_client_problem(const struct sasl_client *);

/* APOP (RFC 1939, section 7): timestamp with its angle brackets. */
void apop_digest(char hex[APOP_DIGEST_SIZE], const char *timestamp, const char *password);
