/*
 * TLS 1.2 and 1.3 on a non-blocking socket. The only code that names OpenSSL.
 *
 * A context holds certificates and ticket keys; it is counted: connections keep theirs until they
 * end, so that a new one can take over while old connections go on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct tls_context;
struct tls;			/* one connection */

/* One certificate chain and its key, as PEM text; lent for the call. */
struct tls_pair {
	const char *name;	/* for messages */
	const char *chain;
	size_t chain_size;
	const char *key;
	size_t key_size;
};

struct tls_ticket_key {
	uint8_t name[16], cipher_key[32], mac_key[32];
};

/* Call once, before the sandbox: OpenSSL reads no file afterwards. */
int tls_startup(struct error *);

/*
 * Checks each pair (does the key belong to the certificate, is it valid now) and sorts them by
 * the names they are for. The first pair, and those of other key types for the same names, answer
 * a client that asks for no name or an unknown one.
 */
int tls_context_new(struct tls_context **, const struct tls_pair pairs[], size_t count,
    struct error *);
void tls_context_unref(struct tls_context *);
/* The first seals new tickets, all open old ones. Copied. At most 3. */
void tls_context_tickets(struct tls_context *, const struct tls_ticket_key keys[], size_t count);

enum tls_status {
	TLS_DONE,
	TLS_WANT_READ,		/* again when the socket can be read */
	TLS_WANT_WRITE,		/* again when the socket can be written */
	TLS_CLOSED,		/* the peer said goodbye */
	TLS_FAILED,		/* see tls_failure(); nothing more can be done with it */
};

/* The socket stays the caller's. NULL: no memory. */
struct tls *tls_accept(struct tls_context *, int socket);
enum tls_status tls_handshake(struct tls *);
/* On TLS_DONE *size is what was read (never 0) or written (may be less than asked for). */
enum tls_status tls_read(struct tls *, void *buffer, size_t *size);
enum tls_status tls_write(struct tls *, const void *data, size_t *size);
/* Decrypted octets wait inside: read again before polling. */
bool tls_pending(const struct tls *);
/* Sends close_notify if that is possible without waiting, and frees. */
void tls_end(struct tls *);

/* "TLSv1.3", "TLS_AES_256_GCM_SHA384", and why it failed; lent until the next call on it. */
const char *tls_version(const struct tls *);
const char *tls_cipher(const struct tls *);
const char *tls_failure(const struct tls *);
