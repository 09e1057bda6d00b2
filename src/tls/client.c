/*
 * The client's connections. OpenSSL reads and writes one end of a pair of bounded buffers (BIO pair),
 * feed and output are the other end.
 */

#include "tls/client_internal.h"

#include <openssl/sslerr.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define BUFFER_SIZE     32768	/* each way: a record has 16 KiB and a little */
#define RECORD_SIZE     16384
#define RECORD_OVERHEAD 512	/* what sealing a record adds at most, with room to spare */

/* What a reason of OpenSSL's means for people. */
static const struct {
	int reason;
	const char *text;
} meanings[] = {
	{ SSL_R_WRONG_VERSION_NUMBER, "what the server sends is not TLS" },
	{ SSL_R_UNSUPPORTED_PROTOCOL,
	    "the server knows only old versions of TLS, which are no longer safe (RFC 8996)" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
	    "the server knows only old versions of TLS, which are no longer safe (RFC 8996)" },
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the server wants a certificate of the client" },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the server does not take the client's certificate" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the server does not know who issued the client's certificate" },
};

enum tls_status
client_fail(struct tls_client *client, enum error_kind kind, const char *format, ...)
{
	va_list arguments;

	if (client->failure_kind == ERROR_NONE) {
		client->failure_kind = kind;
		va_start(arguments, format);
		vsnprintf(client->failure, sizeof(client->failure), format, arguments);
		va_end(arguments);
	}
	ERR_clear_error();
	return TLS_FAILED;
}

static enum tls_status
fail_by_reason(struct tls_client *client)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = "TLS failed";

	if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		client->is_truncated = true;
		return client_fail(client, ERROR_TEMPORARY, client->is_ready ?
		    "the connection was cut off without TLS's goodbye" :
		    "the server closed the connection while TLS was being set up");
	}
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == meanings[i].reason)
			text = meanings[i].text;
	return client_fail(client, ERROR_PROTOCOL, "%s: %s", text, tls_reason());
}

/* What a call of OpenSSL that did not succeed means. */
static enum tls_status
status_of(struct tls_client *client, int result)
{
	switch (SSL_get_error(client->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		return fail_by_reason(client);
	}
}

static int
make_connection(struct tls_client *client, const struct tls_client_settings *settings)
{
	size_t length = settings->protocol != NULL ? strlen(settings->protocol) : 0;
	unsigned char protocols[256];
	BIO *own;

	if ((client->ssl = SSL_new(client->ctx)) == NULL ||
	    BIO_new_bio_pair(&own, BUFFER_SIZE, &client->network, BUFFER_SIZE) != 1)
		return -1;
	SSL_set_bio(client->ssl, own, own);
	SSL_set_connect_state(client->ssl);
	/* RFC 6066, section 3: an address is no server name. */
	if (client->name[0] != '\0' && !client->name_is_address &&
	    SSL_set_tlsext_host_name(client->ssl, client->name) != 1)
		return -1;
	if (length > 0 && length < sizeof(protocols)) {
		protocols[0] = (unsigned char)length;
		memcpy(protocols + 1, settings->protocol, length);
		/* This one returns 0 when it has succeeded. */
		if (SSL_set_alpn_protos(client->ssl, protocols, (unsigned)length + 1) != 0)
			return -1;
	}
	return 0;
}

int
tls_client_new(struct tls_client **out, const struct tls_client_settings *settings, struct error *error)
{
	struct tls_client *client = calloc(1, sizeof(*client));
	int result = -1;

	if (client == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for TLS");
	ERR_clear_error();
	if (client_set_up(client, settings, error) == 0) {
		result = make_connection(client, settings);
		if (result < 0)
			error_set(error, ERROR_TEMPORARY, "TLS cannot be set up: %s", tls_reason());
	}
	ERR_clear_error();
	if (result == 0)
		*out = client;
	else
		tls_client_end(client);
	return result;
}

void
tls_client_end(struct tls_client *client)
{
	if (client == NULL)
		return;
	SSL_free(client->ssl);
	BIO_free(client->network);
	SSL_CTX_free(client->ctx);
	free(client);
}

size_t
tls_client_feed(struct tls_client *client, const void *data, size_t size)
{
	size_t taken = 0;

	/* The buffer is a ring: what does not fit before its end fits at its start. */
	while (taken < size) {
		char *room;
		size_t rest = size - taken;
		int n = BIO_nwrite(client->network, &room, rest < BUFFER_SIZE ? (int)rest : BUFFER_SIZE);

		if (n <= 0)
			break;
		memcpy(room, (const char *)data + taken, (size_t)n);
		taken += (size_t)n;
	}
	ERR_clear_error();
	return taken;
}

void
tls_client_feed_end(struct tls_client *client)
{
	(void)BIO_shutdown_wr(client->network);
}

const void *
tls_client_output(struct tls_client *client, size_t *size)
{
	char *data = NULL;
	int n = BIO_nread0(client->network, &data);

	ERR_clear_error();
	*size = n > 0 ? (size_t)n : 0;
	return n > 0 ? data : NULL;
}

void
tls_client_output_done(struct tls_client *client, size_t size)
{
	char *data;

	if (size > 0)
		(void)BIO_nread(client->network, &data, (int)size);
}

enum tls_status
tls_client_handshake(struct tls_client *client)
{
	enum tls_status status;
	int result;

	if (client->failure_kind != ERROR_NONE)
		return TLS_FAILED;
	ERR_clear_error();
	result = SSL_do_handshake(client->ssl);
	status = result == 1 ? TLS_DONE : status_of(client, result);
	client->is_ready = status == TLS_DONE;
	ERR_clear_error();
	return status == TLS_CLOSED ?
	    client_fail(client, ERROR_PROTOCOL, "the server said goodbye while TLS was being set up") : status;
}

enum tls_status
tls_client_read(struct tls_client *client, void *buffer, size_t *size)
{
	enum tls_status status = client->is_ready ? TLS_DONE : tls_client_handshake(client);
	size_t n = 0;
	int result;

	if (client->failure_kind != ERROR_NONE)
		return TLS_FAILED;
	if (status != TLS_DONE)
		return status;
	ERR_clear_error();
	result = SSL_read_ex(client->ssl, buffer, *size, &n);
	if (result != 1)
		status = status_of(client, result);
	else
		*size = n;
	return status;
}

enum tls_status
tls_client_write(struct tls_client *client, const void *data, size_t *size)
{
	size_t room = BIO_ctrl_get_write_guarantee(SSL_get_wbio(client->ssl));
	size_t part = *size < RECORD_SIZE ? *size : RECORD_SIZE, n = 0;
	int result;

	if (client->failure_kind != ERROR_NONE)
		return TLS_FAILED;
	if (!client->is_ready)
		return TLS_WANT_READ;
	if (part == 0)
		return TLS_DONE;
	/* Only what is certain to fit: OpenSSL would insist on the same octets the next time. */
	if (room < part + RECORD_OVERHEAD)
		return TLS_WANT_WRITE;
	ERR_clear_error();
	result = SSL_write_ex(client->ssl, data, part, &n);
	if (result != 1) {
		enum tls_status status = status_of(client, result);

		return status == TLS_FAILED ? status :
		    client_fail(client, ERROR_PROTOCOL, "TLS cannot send now");
	}
	*size = n;
	return TLS_DONE;
}

void
tls_client_close(struct tls_client *client)
{
	ERR_clear_error();
	if (client->failure_kind == ERROR_NONE && client->is_ready)
		(void)SSL_shutdown(client->ssl);
	ERR_clear_error();
}

enum error_kind
tls_client_failure_kind(const struct tls_client *client)
{
	return client->failure_kind;
}

const char *
tls_client_failure(const struct tls_client *client)
{
	return client->failure;
}

bool
tls_client_is_truncated(const struct tls_client *client)
{
	return client->is_truncated;
}

const char *
tls_client_version(const struct tls_client *client)
{
	return client->is_ready ? SSL_get_version(client->ssl) : "";
}

const char *
tls_client_cipher(const struct tls_client *client)
{
	return client->is_ready ? SSL_get_cipher_name(client->ssl) : "";
}

const char *
tls_client_pin(const struct tls_client *client)
{
	return client->pin;
}

const char *
tls_client_binding(const struct tls_client *client, unsigned char binding[TLS_CLIENT_BINDING_SIZE],
    size_t *size)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	int version = SSL_version(client->ssl);

	if (!client->is_ready)
		return NULL;
	if (version == TLS1_3_VERSION && SSL_export_keying_material(client->ssl, binding, 32, label,
	    sizeof(label) - 1, NULL, 0, 1) == 1) {
		*size = 32;
		return "tls-exporter";
	}
	/* Without the extended master secret somebody in the middle can make it the same on both sides. */
	if (version == TLS1_2_VERSION && SSL_get_extms_support(client->ssl) == 1) {
		*size = SSL_get_finished(client->ssl, binding, TLS_CLIENT_BINDING_SIZE);
		return *size > 0 && *size <= TLS_CLIENT_BINDING_SIZE ? "tls-unique" : NULL;
	}
	ERR_clear_error();
	return NULL;
}
