/*
 * TLS 1.2 and 1.3, the client's side, as octets in and octets out: nothing here knows a socket, waits,
 * writes to a log or ends with the program. It becomes part of other people's programs: what OpenSSL
 * holds for all of them is left alone, but for this thread's queue of errors, which each call empties
 * (OpenSSL asks for that). A client belongs to one thread at a time, any number of clients to any
 * number of threads.
 *
 * What the server sends goes in with tls_client_feed(), what it is to be sent comes out of
 * tls_client_output(). Look for output after every other call, whatever that returned: a refusal tells
 * the server why, and reading may answer. All buffers are bounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "tls/status.h"

#define TLS_CLIENT_PIN_SIZE     65	/* SHA-256 in hex, and a NUL */
#define TLS_CLIENT_BINDING_SIZE 64
#define TLS_CLIENT_TEXT_SIZE    1024

struct tls_client;

/* All of it is lent for the call of tls_client_new(). */
struct tls_client_settings {
	/*
	 * Whom the certificate must name: a host name or an IP address, as the user gave it (RFC 9525):
	 * only subjectAltName counts, a wildcard only as the whole left-most label, and an address only
	 * against an entry for addresses. Also what the server is asked for (SNI), if it is no address.
	 */
	const char *name;
	const char *ca_file;	/* PEM: who is trusted; NULL: whom the system trusts */
	/*
	 * SHA-256 of the server's SubjectPublicKeyInfo in hex or base64. Then that key is all that counts:
	 * not names, issuers or dates (as RFC 7671, section 5.1, has it for DANE). NULL: none.
	 */
	const char *pin;
	const char *certificate_file;	/* the client's own, PEM, with its chain; NULL: none */
	const char *key_file;	/* NULL: in the same file */
	const char *protocol;	/* ALPN (RFC 7301), "pop3"; NULL: none is named */
};

/* ERROR_PERMANENT: a file or the pin cannot be used. Ended by tls_client_end(). */
int tls_client_new(struct tls_client **, const struct tls_client_settings *, struct error *);
/* Frees; says nothing to the server. NULL is fine. */
void tls_client_end(struct tls_client *);

/* Octets of the server's; how many were taken: fewer than size when there is no room before a read. */
size_t tls_client_feed(struct tls_client *, const void *data, size_t size);
/* The server has closed the connection: nothing more is fed. */
void tls_client_feed_end(struct tls_client *);
/* What is to be sent; *size is 0, and the answer NULL, when there is nothing. Lent until the next call. */
const void *tls_client_output(struct tls_client *, size_t *size);
/* So many of it are sent. */
void tls_client_output_done(struct tls_client *, size_t size);

/* TLS_DONE: the server is who it should be. */
enum tls_status tls_client_handshake(struct tls_client *);
/*
 * *size in: room in buffer; out, on TLS_DONE: what was read, never 0. TLS_CLOSED: the server said
 * goodbye (close_notify). A connection that ends without it is TLS_FAILED and tls_client_is_truncated().
 */
enum tls_status tls_client_read(struct tls_client *, void *buffer, size_t *size);
/*
 * *size in: octets in data; out, on TLS_DONE: how many were taken, never 0 but for 0. TLS_WANT_WRITE:
 * none, since too much output waits; TLS_WANT_READ: none before the handshake is done. The rest may be
 * other octets the next time.
 */
enum tls_status tls_client_write(struct tls_client *, const void *data, size_t *size);
/* Says goodbye (close_notify): nothing can be written behind it. Reading goes on. */
void tls_client_close(struct tls_client *);

/*
 * Why it failed, for people: ERROR_DENIED: the certificate is not to be trusted, and the text says what
 * is wrong with it and how its key would be pinned; ERROR_PROTOCOL: not TLS as it should be;
 * ERROR_TEMPORARY: the connection ended in the middle. ERROR_NONE and "" before. Lent, one line.
 */
enum error_kind tls_client_failure_kind(const struct tls_client *);
const char *tls_client_failure(const struct tls_client *);
/* The stream ended without a goodbye: what was read may lack its end. */
bool tls_client_is_truncated(const struct tls_client *);

/* "TLSv1.3", "TLS_AES_128_GCM_SHA256"; lent, "" before the handshake is done. */
const char *tls_client_version(const struct tls_client *);
const char *tls_client_cipher(const struct tls_client *);
/* SHA-256 of the server's SubjectPublicKeyInfo in hex, also of a server that was refused; "" before. */
const char *tls_client_pin(const struct tls_client *);
/*
 * Channel binding for SCRAM (RFC 5802): returns "tls-exporter" (RFC 9266) with TLS 1.3, "tls-unique"
 * (RFC 5929) with TLS 1.2 and its extended master secret (RFC 7627), else NULL. *size out: octets.
 */
const char *tls_client_binding(const struct tls_client *, unsigned char binding[TLS_CLIENT_BINDING_SIZE],
    size_t *size);
