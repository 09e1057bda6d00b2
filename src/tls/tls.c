/*
 * Connections. OpenSSL writes into the context's output, which settle() hands to the socket in one
 * call; what the socket does not take becomes the connection's own and waits for tls_flush().
 */

#include "tls/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls {
	SSL *ssl;
	struct tls_context *context;
	const char *failure;
	unsigned char *waiting;	/* sealed octets that the socket did not take */
	size_t waiting_size;
	int socket;
	bool failed, at_end;
};

static BIO_METHOD *socket_method;

/* Looking costs much less than clearing, and there are hardly ever any. */
static void
forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

static int
socket_read(BIO *bio, char *buffer, int size)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t n = recv(tls->socket, buffer, (size_t)size, MSG_DONTWAIT);

	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	tls->at_end = tls->at_end || (n == 0 && size > 0);
	return (int)n;
}

static int
socket_write(BIO *bio, const char *data, int size)
{
	struct tls *tls = BIO_get_data(bio);
	struct tls_context *context = tls->context;

	BIO_clear_retry_flags(bio);
	if (context->output_used + tls->waiting_size + (size_t)size > sizeof(context->output)) {
		BIO_set_retry_write(bio);
		return -1;
	}
	memcpy(context->output + context->output_used, data, (size_t)size);
	context->output_used += (size_t)size;
	return size;
}

static long
socket_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

int
tls_startup(struct error *error)
{
	SSL_CTX *ctx = NULL;
	unsigned char octet;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
		    OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1 &&
	    (socket_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket")) &&
	    BIO_meth_set_read(socket_method, socket_read) == 1 &&
	    BIO_meth_set_write(socket_method, socket_write) == 1 &&
	    BIO_meth_set_ctrl(socket_method, socket_control) == 1 &&
	    /* The first use of the generator and of the algorithms fetches what they need. */
	    RAND_bytes(&octet, 1) == 1 && (ctx = SSL_CTX_new(TLS_server_method())) != NULL) {
		SSL_CTX_free(ctx);
		return 0;
	}
	return error_set(error, ERROR_PERMANENT, "OpenSSL does not start: %s", tls_reason());
}

struct tls *
tls_accept(struct tls_context *context, int socket)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	BIO *bio = BIO_new(socket_method);

	if (tls == NULL || bio == NULL || (tls->ssl = SSL_new(context->ctx)) == NULL) {
		ERR_clear_error();
		BIO_free(bio);
		free(tls);
		return NULL;
	}
	tls->context = context;
	tls->socket = socket;
	context->references++;
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

static enum tls_status
fail(struct tls *tls, const char *reason)
{
	tls->failed = true;
	tls->failure = reason;
	ERR_clear_error();
	return TLS_FAILED;
}

/* What a failed call of OpenSSL means. */
static enum tls_status
status_of(struct tls *tls, int result)
{
	int saved_errno = errno;

	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	case SSL_ERROR_SYSCALL:
		/* A client that goes without a goodbye has still gone: POP3 has its own, QUIT. */
		if (tls->at_end)
			return TLS_CLOSED;
		if (ERR_peek_error() == 0)
			return fail(tls, strerrordesc_np(saved_errno));
		/* fallthrough */
	default:
		return fail(tls, tls_reason());
	}
}

/* Appends the call's output to what waits already. */
static int
keep_output(struct tls *tls, const unsigned char *output, size_t size)
{
	unsigned char *all = realloc(tls->waiting, tls->waiting_size + size);

	if (all == NULL)
		return -1;
	memcpy(all + tls->waiting_size, output, size);
	tls->waiting = all;
	tls->waiting_size += size;
	return 0;
}

static enum tls_status
send_waiting(struct tls *tls)
{
	ssize_t n = send(tls->socket, tls->waiting, tls->waiting_size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? TLS_WANT_WRITE :
		    fail(tls, strerrordesc_np(errno));
	tls->waiting_size -= (size_t)n;
	if (tls->waiting_size > 0) {
		memmove(tls->waiting, tls->waiting + n, tls->waiting_size);
		return TLS_WANT_WRITE;
	}
	free(tls->waiting);
	tls->waiting = NULL;
	return TLS_DONE;
}

/* Ends a call that may have written: the output goes to the socket, or waits. */
static enum tls_status
settle(struct tls *tls)
{
	struct tls_context *context = tls->context;
	size_t size = context->output_used;
	ssize_t n;

	context->output_used = 0;
	if (tls->waiting_size > 0) {
		if (size > 0 && keep_output(tls, context->output, size) < 0)
			return fail(tls, "no memory");
		return send_waiting(tls);
	}
	if (size == 0)
		return TLS_DONE;
	n = send(tls->socket, context->output, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return fail(tls, strerrordesc_np(errno));
	if (n < 0)
		n = 0;
	if ((size_t)n == size)
		return TLS_DONE;
	if (keep_output(tls, context->output + n, size - (size_t)n) < 0)
		return fail(tls, "no memory");
	return TLS_WANT_WRITE;
}

enum tls_status
tls_handshake(struct tls *tls)
{
	enum tls_status status, sent;
	int result;

	if (tls->failed)
		return TLS_FAILED;
	forget_errors();
	errno = 0;
	result = SSL_do_handshake(tls->ssl);
	if (result == 1) {
		/* From here on secrets come: they do not stay in a buffer that is given back. */
		SSL_set_options(tls->ssl, SSL_OP_CLEANSE_PLAINTEXT);
		/* The ticket goes out with the greeting. */
		size_t size = tls->context->output_used;

		tls->context->output_used = 0;
		return size == 0 || keep_output(tls, tls->context->output, size) == 0 ? TLS_DONE :
		    fail(tls, "no memory");
	}
	status = status_of(tls, result);
	if (status == TLS_CLOSED)
		return fail(tls, "the peer closed the connection");
	if (status == TLS_FAILED) {
		/* The alert is a courtesy: the reason stays the first one. */
		const char *failure = tls->failure;

		(void)settle(tls);
		return fail(tls, failure);
	}
	sent = settle(tls);
	return sent == TLS_DONE ? status : sent;
}

enum tls_status
tls_read(struct tls *tls, void *buffer, size_t *size)
{
	enum tls_status status = TLS_DONE;
	size_t n;
	int result;

	if (tls->failed)
		return TLS_FAILED;
	forget_errors();
	errno = 0;
	result = SSL_read_ex(tls->ssl, buffer, *size, &n);
	if (result != 1)
		status = status_of(tls, result);
	/* Reading may write: an alert, or the answer to a change of keys. */
	if (tls->context->output_used > 0 && settle(tls) == TLS_FAILED)
		return TLS_FAILED;
	if (status == TLS_DONE)
		*size = n;
	return status;
}

/* Into the context's output. */
static enum tls_status
seal(struct tls *tls, const void *data, size_t size)
{
	size_t written;
	int result;

	if (tls->failed)
		return TLS_FAILED;
	forget_errors();
	errno = 0;
	result = SSL_write_ex(tls->ssl, data, size, &written);
	if (result != 1) {
		enum tls_status status = status_of(tls, result);

		tls->context->output_used = 0;
		return status == TLS_FAILED ? TLS_FAILED : fail(tls, "more written than can wait");
	}
	return TLS_DONE;
}

enum tls_status
tls_write(struct tls *tls, const void *data, size_t size)
{
	enum tls_status status = seal(tls, data, size);

	return status == TLS_DONE ? settle(tls) : status;
}

enum tls_status
tls_write_last(struct tls *tls, const void *data, size_t size)
{
	enum tls_status status = seal(tls, data, size);

	if (status != TLS_DONE)
		return status;
	/* If the goodbye cannot be said the octets still go. */
	(void)SSL_shutdown(tls->ssl);
	forget_errors();
	return settle(tls);
}

enum tls_status
tls_flush(struct tls *tls)
{
	if (tls->failed)
		return TLS_FAILED;
	return tls->waiting_size > 0 ? send_waiting(tls) : TLS_DONE;
}

void
tls_secrets_over(struct tls *tls)
{
	SSL_clear_options(tls->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

bool
tls_pending(const struct tls *tls)
{
	return !tls->failed && SSL_has_pending(tls->ssl) == 1;
}

void
tls_end(struct tls *tls)
{
	if (tls == NULL)
		return;
	forget_errors();
	if (!tls->failed && SSL_is_init_finished(tls->ssl) &&
	    (SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) == 0 && SSL_shutdown(tls->ssl) >= 0)
		(void)settle(tls);
	tls->context->output_used = 0;
	forget_errors();
	SSL_free(tls->ssl);
	free(tls->waiting);
	tls_context_unref(tls->context);
	free(tls);
}

const char *
tls_version(const struct tls *tls)
{
	return SSL_get_version(tls->ssl);
}

const char *
tls_cipher(const struct tls *tls)
{
	return SSL_get_cipher_name(tls->ssl);
}

const char *
tls_failure(const struct tls *tls)
{
	return tls->failure != NULL ? tls->failure : "no reason given";
}
