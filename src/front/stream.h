/*
 * The octets of a client, in clear text or through TLS: above here it makes no difference. Writing
 * always takes everything; what the socket refuses waits, and the caller stops asking for more
 * work until it has gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tls/tls.h"

struct stream {
	int socket;		/* -1: closed, or given away */
	struct tls *tls;	/* NULL: clear text */
	char *waiting;		/* clear text that the socket did not take */
	size_t waiting_size;
	bool stuck;		/* something waits, here or inside tls */
};

enum stream_status {
	STREAM_DONE,
	STREAM_AGAIN,		/* when the socket is ready */
	STREAM_END,		/* the client has ended it */
	STREAM_FAILED,
};

enum stream_status stream_read(struct stream *, void *buffer, size_t *size);
/* STREAM_AGAIN: it is taken, but waits. */
enum stream_status stream_write(struct stream *, const void *data, size_t size);
/* The same with TLS's goodbye behind it, in the same packet: nothing may be written any more. */
enum stream_status stream_write_last(struct stream *, const void *data, size_t size);
enum stream_status stream_flush(struct stream *);
/* Octets have arrived that no poll will announce. */
bool stream_pending(const struct stream *);
/* Why it failed, for the log; lent. Only right behind a STREAM_FAILED. */
const char *stream_failure(const struct stream *);
/*
 * Says that nothing more will be written; from here on only what the socket says, sealed or not, is
 * read. -1: it is broken.
 */
int stream_finish(struct stream *);
void stream_close(struct stream *);
