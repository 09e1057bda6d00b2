/* How a client is set up: whom it trusts, how it shows who it is, which versions it speaks. */

#include "tls/client_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/octets.h"
#include "base/secret.h"

#define PEM_MAX 1048576

/* A file that may hold a key: *text is to be wiped with its size, and freed. */
static int
read_pem(char **text, size_t *size, const char *path, struct error *error)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *buffer = malloc(PEM_MAX);
	ssize_t n = file < 0 || buffer == NULL ? -1 : octets_read(file, buffer, PEM_MAX);
	int saved_errno = errno;

	if (file >= 0)
		close(file);
	if (n >= 0 && n < PEM_MAX) {
		*text = buffer;
		*size = (size_t)n;
		return 0;
	}
	if (buffer != NULL && n > 0)
		secret_wipe(buffer, (size_t)n);
	free(buffer);
	errno = n < 0 ? saved_errno : EFBIG;
	return error_errno(error, ERROR_PERMANENT, "%s cannot be read", path);
}

static int
use_pair(struct tls_client *client, const struct tls_pair *source, struct error *error)
{
	struct pair pair;
	int result = 0;

	if (pair_load(&pair, source, error) < 0)
		return -1;
	if (SSL_CTX_use_cert_and_key(client->ctx, pair.certificate, pair.key, pair.chain, 1) != 1)
		result = error_set(error, ERROR_PERMANENT, "%s: it cannot be used: %s", source->name,
		    tls_reason());
	pair_free(&pair);
	return result;
}

static int
use_certificate(struct tls_client *client, const struct tls_client_settings *settings, struct error *error)
{
	const char *key_file = settings->key_file != NULL ? settings->key_file : settings->certificate_file;
	char *chain = NULL, *key = NULL;
	size_t chain_size = 0, key_size = 0;
	int result = -1;

	if (settings->certificate_file == NULL)
		return 0;
	if (read_pem(&chain, &chain_size, settings->certificate_file, error) == 0 &&
	    read_pem(&key, &key_size, key_file, error) == 0) {
		struct tls_pair source = { settings->certificate_file, chain, chain_size, key, key_size };

		result = use_pair(client, &source, error);
	}
	if (chain != NULL)
		secret_wipe(chain, chain_size);
	if (key != NULL)
		secret_wipe(key, key_size);
	free(chain);
	free(key);
	return result;
}

/* Base64 of 32 octets is 43 digits and one '='. */
static bool
decode_pin(unsigned char pin[PIN_SIZE], const char *text)
{
	unsigned char decoded[PIN_SIZE + 1];
	size_t size = 0;

	if (strlen(text) == 44 && text[43] == '=' && text[42] != '=') {
		if (EVP_DecodeBlock(decoded, (const unsigned char *)text, 44) != PIN_SIZE + 1)
			return false;
		memcpy(pin, decoded, PIN_SIZE);
		return true;
	}
	return strlen(text) == 64 && OPENSSL_hexstr2buf_ex(pin, PIN_SIZE, &size, text, '\0') == 1 &&
	    size == PIN_SIZE;
}

/*
 * As a certificate has it: an address without "[]" and zone, a name without the dot at its end. A name
 * that begins with a dot would mean all below it to OpenSSL.
 */
static int
use_name(struct tls_client *client, const struct tls_client_settings *settings, struct error *error)
{
	const char *name = settings->name != NULL ? settings->name : "";
	size_t length = strlen(name);
	unsigned char address[16];

	if (length > 2 && name[0] == '[' && name[length - 1] == ']') {
		name++;
		length -= 2;
	}
	if (memchr(name, ':', length) != NULL && memchr(name, '%', length) != NULL)
		length = (size_t)((const char *)memchr(name, '%', length) - name);
	if (length > 1 && name[length - 1] == '.')
		length--;
	if (name[0] == '.' || length >= sizeof(client->name) || (length == 0 && !client->is_pinned))
		return error_set(error, ERROR_PERMANENT, "\"%.80s\" is no name that a certificate could have",
		    name);
	memcpy(client->name, name, length);
	client->name[length] = '\0';
	client->name_is_address = inet_pton(AF_INET, client->name, address) == 1 ||
	    inet_pton(AF_INET6, client->name, address) == 1;
	return 0;
}

static int
use_trust(struct tls_client *client, const char *ca_file, struct error *error)
{
	if (ca_file == NULL) {
		if (SSL_CTX_set_default_verify_paths(client->ctx) != 1)
			return error_set(error, ERROR_PERMANENT, "whom the system trusts cannot be read: %s",
			    tls_reason());
		return 0;
	}
	/* OpenSSL would not say why. */
	if (access(ca_file, R_OK) < 0)
		return error_errno(error, ERROR_PERMANENT, "%s cannot be read", ca_file);
	if (SSL_CTX_load_verify_file(client->ctx, ca_file) != 1)
		return error_set(error, ERROR_PERMANENT, "%s: no certificates can be read from it: %s", ca_file,
		    tls_reason());
	/* Whoever stands in that file is trusted, also where somebody else issued it. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(client->ctx), X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

int
client_set_up(struct tls_client *client, const struct tls_client_settings *settings, struct error *error)
{
	client->is_pinned = settings->pin != NULL;
	if (client->is_pinned && !decode_pin(client->wanted_pin, settings->pin))
		return error_set(error, ERROR_PERMANENT,
		    "the pin is no SHA-256: 64 hex digits, or 44 characters of base64, are needed");
	if (use_name(client, settings, error) < 0)
		return -1;
	if ((client->ctx = SSL_CTX_new(TLS_client_method())) == NULL ||
	    SSL_CTX_set_min_proto_version(client->ctx, TLS1_2_VERSION) != 1)
		return error_set(error, ERROR_TEMPORARY, "TLS cannot be set up: %s", tls_reason());
	SSL_CTX_set_options(client->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(client->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(client->ctx, 1);
	SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(client->ctx, client_judge, client);
	if (use_certificate(client, settings, error) < 0)
		return -1;
	return client->is_pinned ? 0 : use_trust(client, settings->ca_file, error);
}
