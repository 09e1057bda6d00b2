/* What the files of the client's mechanisms share; nobody else includes it. */
#pragma once

#include "sasl/client.h"

/* One step: what came, and what is to be sent. */
struct client_turn {
	const char *challenge;	/* NULL: none; a NUL stands behind it */
	size_t challenge_size;
	char *response;
	size_t response_size;	/* in: room; out: octets */
	bool is_done;		/* out: the mechanism is content */
	const char *problem;	/* out: what the server says against it; "" for nothing much; NULL: no problem */
};

struct client_steps {
	int (*begin)(void **exchange, const char *mechanism, const struct sasl_client_secrets *, struct error *);
	int (*step)(void *exchange, struct client_turn *, struct error *);
	void (*end)(void *exchange);
};

extern const struct client_steps client_gsasl, client_oauth;

/* Puts octets at the end of the response. */
int client_respond(struct client_turn *, const void *data, size_t size, struct error *);

/* Can names and passwords be prepared as SCRAM asks for (RFC 5802, section 2.2)? */
bool client_is_preparable(const char *text);
/* Are they what they were when they are prepared? CRAM-MD5's servers do not do it. */
bool client_is_prepared(const char *text);
/* May wait for the KDC. */
bool client_has_ticket(const struct sasl_client_secrets *);
