/* See fake_client.h. Anything that cannot happen in a test that is set up well aborts it. */

#include "tls/fake_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_client {
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *session;	/* the newest that came with a ticket */
	char protocol[64];
};

static void
need(bool true_thing, const char *what)
{
	if (true_thing)
		return;
	fprintf(stderr, "fake client: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static void
to_text(BIO *bio, char *text)
{
	int n = BIO_read(bio, text, FAKE_PEM_SIZE - 1);

	need(n > 0, "PEM");
	text[n] = '\0';
	BIO_free(bio);
}

static void
add_extension(X509 *certificate, int kind, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

	need(extension != NULL && X509_add_ext(certificate, extension, -1), value);
	X509_EXTENSION_free(extension);
}

/* By the issuer, or by itself. */
static void
sign(X509 *certificate, EVP_PKEY *own_key, const struct fake_certificate *issuer)
{
	BIO *chain = BIO_new_mem_buf(issuer != NULL ? issuer->chain : "", -1);
	BIO *text = BIO_new_mem_buf(issuer != NULL ? issuer->key : "", -1);
	X509 *above = issuer != NULL ? PEM_read_bio_X509(chain, NULL, NULL, NULL) : certificate;
	EVP_PKEY *key = issuer != NULL ? PEM_read_bio_PrivateKey(text, NULL, NULL, NULL) : own_key;

	need(above != NULL && key != NULL, "issuer");
	X509_set_issuer_name(certificate, X509_get_subject_name(above));
	need(X509_sign(certificate, key, EVP_sha256()) > 0, "signature");
	if (issuer != NULL) {
		X509_free(above);
		EVP_PKEY_free(key);
	}
	BIO_free(chain);
	BIO_free(text);
}

void
fake_certificate_make(struct fake_certificate *made, const struct fake_certificate_wish *wish)
{
	EVP_PKEY *key = wish->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	long to = wish->to_seconds != 0 ? wish->to_seconds : 86400;
	long from = wish->from_seconds != 0 ? wish->from_seconds : -3600;
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	BIO *out;

	need(key != NULL && X509_set_version(certificate, 2), "key");
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from);
	X509_gmtime_adj(X509_getm_notAfter(certificate), to);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)(wish->common_name != NULL ? wish->common_name : "test"), -1, -1, 0);
	X509_set_pubkey(certificate, key);
	if (wish->names != NULL)
		add_extension(certificate, NID_subject_alt_name, wish->names);
	if (wish->is_authority)
		add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	sign(certificate, key, wish->issuer);
	out = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(out, certificate);
	to_text(out, made->chain);
	out = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	to_text(out, made->key);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void
fake_key_encrypt(struct fake_certificate *certificate, const char *passphrase)
{
	BIO *in = BIO_new_mem_buf(certificate->key, -1), *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

	need(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), passphrase,
		 (int)strlen(passphrase), NULL, NULL) == 1, "encryption");
	to_text(out, certificate->key);
	BIO_free(in);
	EVP_PKEY_free(key);
}

struct tls_pair
fake_pair(const struct fake_certificate *certificate, const char *name)
{
	return (struct tls_pair){
		.name = name,
		.chain = certificate->chain,
		.chain_size = strlen(certificate->chain),
		.key = certificate->key,
		.key_size = strlen(certificate->key),
	};
}

static int
session_came(SSL *ssl, SSL_SESSION *session)
{
	struct fake_client *client = SSL_get_app_data(ssl);

	SSL_SESSION_free(client->session);
	client->session = session;
	return 1;
}

struct fake_client *
fake_client_new(int socket, const struct fake_client_wish *wish)
{
	static const int versions[] = { [10] = TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
		TLS1_3_VERSION };
	struct fake_client *client = calloc(1, sizeof(*client));

	need(client != NULL && (client->ctx = SSL_CTX_new(TLS_client_method())) != NULL, "context");
	SSL_CTX_set_session_cache_mode(client->ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(client->ctx, session_came);
	/* Old versions are only spoken at all on level 0. */
	SSL_CTX_set_security_level(client->ctx, 0);
	SSL_CTX_set_min_proto_version(client->ctx, TLS1_VERSION);
	if (wish->version_max != 0)
		SSL_CTX_set_max_proto_version(client->ctx, versions[wish->version_max]);
	if (wish->ciphers != NULL)
		need(SSL_CTX_set_cipher_list(client->ctx, wish->ciphers) == 1, "ciphers");
	need((client->ssl = SSL_new(client->ctx)) != NULL, "connection");
	SSL_set_app_data(client->ssl, client);
	SSL_set_fd(client->ssl, socket);
	SSL_set_connect_state(client->ssl);
	if (wish->server_name != NULL)
		SSL_set_tlsext_host_name(client->ssl, wish->server_name);
	if (wish->protocols != NULL)
		SSL_set_alpn_protos(client->ssl, wish->protocols, (unsigned)wish->protocols_size);
	if (wish->session != NULL) {
		/* OpenSSL marks a session as used up in TLS 1.3; a test may want it again. */
		SSL_SESSION *copy = SSL_SESSION_dup(wish->session);

		need(copy != NULL && SSL_set_session(client->ssl, copy) == 1, "session");
		SSL_SESSION_free(copy);
	}
	return client;
}

static int
again(struct fake_client *client, int result)
{
	int reason = SSL_get_error(client->ssl, result);

	ERR_clear_error();
	return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
}

int
fake_client_handshake(struct fake_client *client)
{
	int result = SSL_do_handshake(client->ssl);

	if (result == 1)
		return 1;
	return again(client, result) ? 0 : -1;
}

void
fake_client_renegotiate(struct fake_client *client)
{
	need(SSL_renegotiate(client->ssl) == 1, "SSL_renegotiate");
}

int
fake_client_read(struct fake_client *client, void *buffer, int size)
{
	int result = SSL_read(client->ssl, buffer, size);

	if (result > 0)
		return result;
	if (SSL_get_error(client->ssl, result) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return again(client, result) ? -1 : -2;
}

int
fake_client_write(struct fake_client *client, const void *data, int size)
{
	int result = SSL_write(client->ssl, data, size);

	ERR_clear_error();
	return result > 0 ? result : -1;
}

int
fake_client_pending(const struct fake_client *client)
{
	return SSL_pending(client->ssl);
}

void
fake_client_shutdown(struct fake_client *client)
{
	(void)SSL_shutdown(client->ssl);
	ERR_clear_error();
}

void
fake_client_free(struct fake_client *client)
{
	if (client == NULL)
		return;
	SSL_SESSION_free(client->session);
	SSL_free(client->ssl);
	SSL_CTX_free(client->ctx);
	free(client);
}

const char *
fake_client_protocol(const struct fake_client *client)
{
	const unsigned char *protocol;
	unsigned int size;

	SSL_get0_alpn_selected(client->ssl, &protocol, &size);
	snprintf(((struct fake_client *)(uintptr_t)client)->protocol, sizeof(client->protocol),
	    "%.*s", (int)size, (const char *)protocol);
	return client->protocol;
}

const char *
fake_client_version(const struct fake_client *client)
{
	return SSL_get_version(client->ssl);
}

void
fake_client_peer_name(const struct fake_client *client, char *name, size_t size, bool *rsa)
{
	X509 *certificate = SSL_get0_peer_certificate(client->ssl);
	GENERAL_NAMES *all = certificate == NULL ? NULL :
	    X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	need(certificate != NULL, "the server's certificate");
	*rsa = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA;
	snprintf(name, size, "%s", all == NULL ? "" :
	    (const char *)ASN1_STRING_get0_data(sk_GENERAL_NAME_value(all, 0)->d.dNSName));
	GENERAL_NAMES_free(all);
}

bool
fake_client_resumed(const struct fake_client *client)
{
	return SSL_session_reused(client->ssl) == 1;
}

void *
fake_client_session(const struct fake_client *client)
{
	/* A ticket renewed in TLS 1.2 is not announced by the callback. */
	if (client->session == NULL && SSL_version(client->ssl) == TLS1_2_VERSION &&
	    SSL_SESSION_has_ticket(SSL_get0_session(client->ssl)))
		return SSL_SESSION_dup(SSL_get0_session(client->ssl));
	/* A copy, because OpenSSL spoils a session whose connection ends without a goodbye. */
	return client->session != NULL ? SSL_SESSION_dup(client->session) : NULL;
}

void
fake_session_free(void *session)
{
	SSL_SESSION_free(session);
}
