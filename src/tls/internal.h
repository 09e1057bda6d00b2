/* What the files of this folder share; nobody else includes it. */
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "tls/tls.h"

/* What one call may collect: TLS_WRITE_MAX octets in records, or a long certificate chain. */
#define TLS_OUTPUT_SIZE (TLS_WRITE_MAX + 16384)

/* A certificate with its key, and the DNS names it is for. */
struct pair {
	X509 *certificate;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
	char **names;		/* ended by NULL */
	bool is_default;
};

struct tls_context {
	SSL_CTX *ctx;
	unsigned references;
	struct pair pairs[TLS_PAIRS_MAX];
	size_t pair_count;
	struct tls_ticket_key ticket_keys[TLS_TICKET_KEYS_MAX];
	size_t ticket_key_count;
	/* Shared by all connections: records on their way to the socket, within one call. */
	unsigned char output[TLS_OUTPUT_SIZE];
	size_t output_used;
};

/* Why the last call of OpenSSL failed, as a sentence that lives for ever. */
const char *tls_reason(void);

/* Loads a pair from PEM. On failure *pair needs no pair_free(). */
int pair_load(struct pair *, const struct tls_pair *, struct error *);
void pair_free(struct pair *);
/* Is the pair for that name? Exactly, or by a wildcard in place of the left-most label. */
bool pair_is_for(const struct pair *, const char *name, bool by_wildcard);

/* The callback that seals and opens session tickets (RFC 5077, RFC 8446, section 4.6.1). */
int tickets_callback(SSL *, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *,
    EVP_MAC_CTX *, int sealing);
