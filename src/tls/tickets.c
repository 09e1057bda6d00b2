/*
 * Session tickets. Every login process has the same keys, so that a client may come back to any
 * of them; nothing is remembered on this side.
 */

#include "tls/internal.h"

#include <openssl/core_names.h>
#include <string.h>

#include "base/secret.h"

enum {
	TICKET_FAILED = -1,
	TICKET_UNKNOWN = 0,	/* a full handshake follows */
	TICKET_GOOD = 1,
	TICKET_RENEW = 2,	/* good, and a new one under the newest key is sent */
};

void
tls_context_tickets(struct tls_context *context, const struct tls_ticket_key keys[], size_t count)
{
	if (count > TLS_TICKET_KEYS_MAX)
		count = TLS_TICKET_KEYS_MAX;
	secret_wipe(context->ticket_keys, sizeof(context->ticket_keys));
	context->ticket_key_count = count;
	for (size_t i = 0; i < count; i++)
		context->ticket_keys[i] = keys[i];
	/* One is enough: a client has one connection at a time. */
	(void)SSL_CTX_set_num_tickets(context->ctx, count > 0);
	if (count > 0)
		SSL_CTX_clear_options(context->ctx, SSL_OP_NO_TICKET);
	else
		SSL_CTX_set_options(context->ctx, SSL_OP_NO_TICKET);
}

/* Looked up once: by its constant name OpenSSL would search for it in every handshake. */
static const EVP_CIPHER *
ticket_cipher(void)
{
	static EVP_CIPHER *cipher;

	if (cipher == NULL)
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return cipher;
}

static bool
key_use(const struct tls_ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int sealing)
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, ticket_cipher(), NULL, key->cipher_key, iv, sealing) ==
		   1 &&
	       EVP_MAC_init(mac, key->mac_key, sizeof(key->mac_key), parameters) == 1;
}

int
tickets_callback(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int sealing)
{
	const struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct tls_ticket_key *keys = context->ticket_keys;

	if (sealing) {
		if (context->ticket_key_count == 0)
			return TICKET_UNKNOWN;
		memcpy(name, keys[0].name, sizeof(keys[0].name));
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(ticket_cipher())) != 1 ||
		    !key_use(&keys[0], iv, cipher, mac, 1))
			return TICKET_FAILED;
		return TICKET_GOOD;
	}
	for (size_t i = 0; i < context->ticket_key_count; i++) {
		if (memcmp(name, keys[i].name, sizeof(keys[i].name)) != 0)
			continue;
		if (!key_use(&keys[i], iv, cipher, mac, 0))
			return TICKET_FAILED;
		/* In TLS 1.3 clients use a ticket once (RFC 8446, appendix C.4). */
		return i == 0 && SSL_version(ssl) != TLS1_3_VERSION ? TICKET_GOOD : TICKET_RENEW;
	}
	return TICKET_UNKNOWN;
}
