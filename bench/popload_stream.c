/* The byte stream of a load generator's connection: a non-blocking socket, perhaps with TLS over it. */

#include "popload.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* TLS 1.3 sends its tickets after the handshake, so the newest session comes by this callback. */
static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct stream *stream = SSL_get_app_data(ssl);

	if (stream->session)
		SSL_SESSION_free(stream->session);
	stream->session = session;
	return 1;
}

SSL_CTX *
stream_context(const struct options *options)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context)
		return NULL;
	/* The server under test has a certificate of its own making; who it is does not matter here. */
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(context, options->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (options->resume) {
		SSL_CTX_set_session_cache_mode(
		    context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(context, keep_session);
	} else {
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	}
	return context;
}

int
stream_open(struct stream *stream, const struct sockaddr_in *address)
{
	int one = 1;

	stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (stream->fd < 0)
		return -1;
	if (setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    (connect(stream->fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		errno != EINPROGRESS)) {
		close(stream->fd);
		return -1;
	}
	stream->resumed = false;
	return 0;
}

int
stream_start_tls(struct stream *stream, SSL_CTX *context)
{
	stream->ssl = SSL_new(context);
	if (!stream->ssl || SSL_set_fd(stream->ssl, stream->fd) != 1)
		return -1;
	SSL_set_app_data(stream->ssl, stream);
	if (stream->session && SSL_set_session(stream->ssl, stream->session) != 1)
		return -1;
	SSL_set_connect_state(stream->ssl);
	return 0;
}

static ssize_t
tls_result(struct stream *stream, int result, char problem[static 256])
{
	int saved_errno = errno, why = SSL_get_error(stream->ssl, result);
	unsigned long code;

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return STREAM_BLOCKED;
	if (why == SSL_ERROR_ZERO_RETURN)
		return 0;
	code = ERR_get_error();
	snprintf(problem, 256, "TLS: %s",
	    code ? ERR_reason_error_string(code) : strerror(saved_errno));
	ERR_clear_error();
	return STREAM_FAILED;
}

static ssize_t
socket_result(ssize_t n, char problem[static 256])
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)
		return STREAM_BLOCKED;
	snprintf(problem, 256, "%s", strerror(errno));
	return STREAM_FAILED;
}

ssize_t
stream_read(struct stream *stream, void *buffer, size_t size, char problem[static 256])
{
	bool in_handshake;
	int n;

	if (!stream->ssl)
		return socket_result(recv(stream->fd, buffer, size, 0), problem);
	in_handshake = SSL_in_init(stream->ssl);
	ERR_clear_error();
	n = SSL_read(stream->ssl, buffer, (int)size);
	if (in_handshake && !SSL_in_init(stream->ssl))
		stream->resumed = SSL_session_reused(stream->ssl);
	return n > 0 ? n : tls_result(stream, n, problem);
}

ssize_t
stream_write(struct stream *stream, const void *data, size_t size, char problem[static 256])
{
	bool in_handshake;
	int n;

	if (!stream->ssl)
		return socket_result(send(stream->fd, data, size, MSG_NOSIGNAL), problem);
	in_handshake = SSL_in_init(stream->ssl);
	ERR_clear_error();
	n = SSL_write(stream->ssl, data, (int)size);
	if (in_handshake && !SSL_in_init(stream->ssl))
		stream->resumed = SSL_session_reused(stream->ssl);
	return n > 0 ? n : tls_result(stream, n, problem);
}

void
stream_close(struct stream *stream)
{
	if (stream->ssl) {
		/* Otherwise OpenSSL takes the end for a bad one, and the session may not be resumed. */
		SSL_set_shutdown(stream->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(stream->ssl);
		stream->ssl = NULL;
	}
	close(stream->fd);
	stream->fd = -1;
}

void
stream_forget(struct stream *stream)
{
	if (stream->session)
		SSL_SESSION_free(stream->session);
	stream->session = NULL;
}
