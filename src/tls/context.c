/* Contexts: which versions, ciphers and certificates a server offers, and to whom. */

#include "tls/internal.h"

#include <string.h>

#include "base/secret.h"

/*
 * Forward secrecy and authenticated encryption only. AES-128 first: it is as safe here and takes
 * the fewest cycles per octet; a client that prefers ChaCha20 (no AES instructions) gets it.
 */
static const char ciphers_tls12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_tls13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

#define TICKET_LIFETIME_SECONDS (24 * 3600)	/* the rotation of the keys ends it earlier */

/* RFC 7301: `pop3` if it is offered. Outlook offers other things and means POP3: no alert. */
static int
choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
    const unsigned char *offered, unsigned int offered_size, void *context)
{
	static const unsigned char ours[] = "\x04pop3";
	unsigned char *found;

	(void)ssl, (void)context;
	if (SSL_select_next_proto(&found, chosen_size, ours, sizeof(ours) - 1, offered,
		offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

/* The first pair of that key type for the name: an exact one before a wildcard. */
static const struct pair *
find_pair(const struct tls_context *context, const char *name, int key_type)
{
	for (int by_wildcard = 0; by_wildcard <= 1; by_wildcard++)
		for (size_t i = 0; i < context->pair_count; i++)
			if (EVP_PKEY_get_base_id(context->pairs[i].key) == key_type &&
			    pair_is_for(&context->pairs[i], name, by_wildcard))
				return &context->pairs[i];
	return NULL;
}

/* Called when the client's name is known; OpenSSL then chooses among the key types given. */
static int
choose_pairs(SSL *ssl, void *argument)
{
	static const int key_types[] = { EVP_PKEY_EC, EVP_PKEY_ED25519, EVP_PKEY_RSA };
	const struct tls_context *context = argument;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	bool cleared = false;

	if (name == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(key_types) / sizeof(key_types[0]); i++) {
		const struct pair *pair = find_pair(context, name, key_types[i]);

		if (pair == NULL)
			continue;
		if (!cleared)
			SSL_certs_clear(ssl);
		cleared = true;
		if (SSL_use_cert_and_key(ssl, pair->certificate, pair->key, pair->chain, 1) != 1)
			return 0;
	}
	return 1;
}

/* The first pair, and those with another type of key for one of its names. */
static int
use_defaults(struct tls_context *context, struct error *error)
{
	for (size_t i = 0; i < context->pair_count; i++) {
		struct pair *pair = &context->pairs[i];
		bool wanted = i == 0;

		for (char **name = context->pairs[0].names; !wanted && *name != NULL; name++)
			wanted = pair_is_for(pair, *name, false);
		for (size_t j = 0; wanted && j < i; j++)
			wanted = !context->pairs[j].is_default ||
			    EVP_PKEY_get_base_id(context->pairs[j].key) !=
				EVP_PKEY_get_base_id(pair->key);
		pair->is_default = wanted;
		if (wanted && SSL_CTX_use_cert_and_key(context->ctx, pair->certificate, pair->key,
				  pair->chain, 1) != 1)
			return error_set(error, ERROR_PERMANENT,
			    "certificate %zu cannot be used: %s", i + 1, tls_reason());
	}
	for (size_t i = 0; i < context->pair_count; i++)
		if (!context->pairs[i].is_default)
			SSL_CTX_set_cert_cb(context->ctx, choose_pairs, context);
	return 0;
}

static int
set_up(struct tls_context *context, struct error *error)
{
	SSL_CTX *ctx = context->ctx;

	SSL_CTX_set_app_data(ctx, context);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TICKET);
	/* One read(2) takes a record whole; with nothing in them the buffers are given back. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, TICKET_LIFETIME_SECONDS);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, ciphers_tls12) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, ciphers_tls13) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, groups) != 1 || SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"pop3", 4) != 1 ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tickets_callback) != 1)
		return error_set(error, ERROR_PERMANENT, "TLS cannot be set up: %s", tls_reason());
	return 0;
}

int
tls_context_new(struct tls_context **out, const struct tls_pair pairs[], size_t count,
    struct error *error)
{
	struct tls_context *context;

	if (count == 0 || count > TLS_PAIRS_MAX)
		return error_set(error, ERROR_PERMANENT, "TLS needs 1 to %d certificates",
		    TLS_PAIRS_MAX);
	context = calloc(1, sizeof(*context));
	if (context == NULL || (context->ctx = SSL_CTX_new(TLS_server_method())) == NULL) {
		free(context);
		return error_set(error, ERROR_TEMPORARY, "no memory for a TLS context");
	}
	context->references = 1;
	if (set_up(context, error) < 0)
		goto failed;
	for (size_t i = 0; i < count; i++) {
		if (pair_load(&context->pairs[i], &pairs[i], error) < 0)
			goto failed;
		context->pair_count++;
	}
	if (use_defaults(context, error) < 0)
		goto failed;
	*out = context;
	return 0;
failed:
	tls_context_unref(context);
	return -1;
}

void
tls_context_unref(struct tls_context *context)
{
	if (context == NULL || --context->references > 0)
		return;
	SSL_CTX_free(context->ctx);
	for (size_t i = 0; i < context->pair_count; i++)
		pair_free(&context->pairs[i]);
	secret_wipe(context->ticket_keys, sizeof(context->ticket_keys));
	free(context);
}
