/* See stream.h. */

#include "front/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum stream_status
from_tls(enum tls_status status)
{
	static const enum stream_status statuses[] = {
		[TLS_DONE] = STREAM_DONE,
		[TLS_WANT_READ] = STREAM_AGAIN,
		[TLS_WANT_WRITE] = STREAM_AGAIN,
		[TLS_CLOSED] = STREAM_END,
		[TLS_FAILED] = STREAM_FAILED,
	};

	return statuses[status];
}

static bool
is_passing(int code)
{
	return code == EAGAIN || code == EINTR;
}

enum stream_status
stream_read(struct stream *stream, void *buffer, size_t *size)
{
	ssize_t n;

	if (stream->tls != NULL)
		return from_tls(tls_read(stream->tls, buffer, size));
	n = recv(stream->socket, buffer, *size, MSG_DONTWAIT);
	if (n < 0)
		return is_passing(errno) ? STREAM_AGAIN : STREAM_FAILED;
	*size = (size_t)n;
	return n == 0 ? STREAM_END : STREAM_DONE;
}

static int
keep(struct stream *stream, const char *data, size_t size)
{
	char *all = realloc(stream->waiting, stream->waiting_size + size);

	if (all == NULL)
		return -1;
	memcpy(all + stream->waiting_size, data, size);
	stream->waiting = all;
	stream->waiting_size += size;
	stream->stuck = true;
	return 0;
}

enum stream_status
stream_write(struct stream *stream, const void *data, size_t size)
{
	enum stream_status status;
	ssize_t n = 0;

	if (stream->tls != NULL) {
		status = from_tls(tls_write(stream->tls, data, size));
		stream->stuck = status == STREAM_AGAIN;
		return status;
	}
	if (!stream->stuck)
		n = send(stream->socket, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && !is_passing(errno))
		return STREAM_FAILED;
	if (n < 0)
		n = 0;
	if ((size_t)n == size)
		return STREAM_DONE;
	return keep(stream, (const char *)data + n, size - (size_t)n) < 0 ? STREAM_FAILED :
	    STREAM_AGAIN;
}

enum stream_status
stream_write_last(struct stream *stream, const void *data, size_t size)
{
	enum stream_status status;

	if (stream->tls == NULL)
		return stream_write(stream, data, size);
	status = from_tls(tls_write_last(stream->tls, data, size));
	stream->stuck = status == STREAM_AGAIN;
	return status;
}

enum stream_status
stream_flush(struct stream *stream)
{
	enum stream_status status;
	ssize_t n;

	if (stream->tls != NULL) {
		status = from_tls(tls_flush(stream->tls));
		stream->stuck = status == STREAM_AGAIN;
		return status;
	}
	if (stream->waiting_size == 0)
		return STREAM_DONE;
	n = send(
	    stream->socket, stream->waiting, stream->waiting_size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return is_passing(errno) ? STREAM_AGAIN : STREAM_FAILED;
	stream->waiting_size -= (size_t)n;
	if (stream->waiting_size > 0) {
		memmove(stream->waiting, stream->waiting + n, stream->waiting_size);
		return STREAM_AGAIN;
	}
	free(stream->waiting);
	stream->waiting = NULL;
	stream->stuck = false;
	return STREAM_DONE;
}

bool
stream_pending(const struct stream *stream)
{
	return stream->tls != NULL && tls_pending(stream->tls);
}

const char *
stream_failure(const struct stream *stream)
{
	return stream->tls != NULL ? tls_failure(stream->tls) : strerrordesc_np(errno);
}

int
stream_finish(struct stream *stream)
{
	tls_end(stream->tls);
	stream->tls = NULL;
	return shutdown(stream->socket, SHUT_WR);
}

void
stream_close(struct stream *stream)
{
	tls_end(stream->tls);
	stream->tls = NULL;
	free(stream->waiting);
	stream->waiting = NULL;
	stream->waiting_size = 0;
	stream->stuck = false;
	if (stream->socket >= 0)
		close(stream->socket);
	stream->socket = -1;
}
