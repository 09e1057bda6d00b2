/*
 * The capability list (RFC 2449, sections 5 and 6). The same table answers CAPA in both states:
 * what can be used in AUTHORIZATION is announced in TRANSACTION too.
 */
#pragma once

#include <stdbool.h>

#include "base/writer.h"

struct capabilities {
	bool stls;		/* the listener offers STLS and the connection is not protected yet */
	bool user;		/* USER and PASS would be accepted on this connection */
	const char *sasl;	/* mechanism names separated by spaces; "": none */
	const char *implementation;	/* "": not announced */
};

/* Writes "+OK ..." and the list with its final dot. */
void capabilities_write(struct writer *, const struct capabilities *);
