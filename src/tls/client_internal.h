/* What the files of the client's side share; nobody else includes it. */
#pragma once

#include "tls/client.h"
#include "tls/internal.h"

#define PIN_SIZE 32		/* SHA-256 */

struct tls_client {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *network;		/* the other end of what the SSL reads and writes */
	char name[256];		/* whom the certificate must name */
	bool name_is_address, is_pinned;
	unsigned char wanted_pin[PIN_SIZE];
	char pin[TLS_CLIENT_PIN_SIZE];	/* the server's, as far as it is known */
	enum error_kind failure_kind;
	bool is_ready;		/* the handshake is done; OpenSSL forgets it when it fails later */
	bool is_truncated;
	char failure[TLS_CLIENT_TEXT_SIZE];
};

/* The first failure is the reason; later ones come of it. */
enum tls_status client_fail(struct tls_client *, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The SSL_CTX: trust, the client's own certificate, versions. */
int client_set_up(struct tls_client *, const struct tls_client_settings *, struct error *);
/* Set as the callback that judges the server's chain: 1, or 0 with the failure told. */
int client_judge(X509_STORE_CTX *, void *client);
