/*
 * TLS 1.2 and 1.3 on a non-blocking socket. The only code that names OpenSSL.
 *
 * A context holds certificates and ticket keys; it is counted: connections keep theirs until they
 * end, so that a new one can take over while old connections go on. A context and its connections
 * belong to one thread.
 *
 * What is to be sent is sealed at once and goes out with as few system calls as possible: octets
 * that the socket does not take wait inside the connection (a connection at rest keeps no buffer
 * at all), and tls_flush() sends them on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "tls/status.h"

#define TLS_WRITE_MAX       65536	/* octets that one tls_write() may take */
#define TLS_TICKET_KEYS_MAX 3
#define TLS_PAIRS_MAX       16

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
/* The first seals new tickets, all open old ones. Copied. At most TLS_TICKET_KEYS_MAX. */
void tls_context_tickets(struct tls_context *, const struct tls_ticket_key keys[], size_t count);

/* The socket stays the caller's. NULL: no memory. */
struct tls *tls_accept(struct tls_context *, int socket);
/*
 * TLS_WANT_WRITE: flush, then come again. After TLS_DONE the last octets of the handshake may still
 * wait inside, to go out in one packet with the first that are written: write or flush.
 */
enum tls_status tls_handshake(struct tls *);
/* *size in: room in buffer; out, on TLS_DONE: what was read, never 0. */
enum tls_status tls_read(struct tls *, void *buffer, size_t *size);
/*
 * Takes all of data, at most TLS_WRITE_MAX octets, unless it fails. TLS_WANT_WRITE: some of it
 * still waits inside. A short reply may be written behind it; it fails when more waits than fits
 * beside TLS_WRITE_MAX, so stop making output until tls_flush() returns TLS_DONE.
 */
enum tls_status tls_write(struct tls *, const void *data, size_t size);
/* The same, and the goodbye (close_notify) behind it in one packet: nothing is written after it. */
enum tls_status tls_write_last(struct tls *, const void *data, size_t size);
/* TLS_DONE: nothing waits inside. */
enum tls_status tls_flush(struct tls *);
/*
 * What is read from here on is no secret. Until then it is wiped inside when it has been read, which
 * costs a wiped buffer of 16 KiB a read.
 */
void tls_secrets_over(struct tls *);
/* Octets from the peer wait inside: read again before polling. */
bool tls_pending(const struct tls *);
/* Sends close_notify if that is possible without waiting, and frees. */
void tls_end(struct tls *);

/* "TLSv1.3", "TLS_AES_128_GCM_SHA256", and why it failed; lent until the next call on it. */
const char *tls_version(const struct tls *);
const char *tls_cipher(const struct tls *);
const char *tls_failure(const struct tls *);
