/* See output.h. */

#include "lmtp/output.h"

#include <stdlib.h>
#include <string.h>

#include "lmtp/connection.h"

/* What one slice of commands and all recipients of a message can make is less. */
#define KEPT_SIZE_MAX ((size_t)64 << 20)

bool
output_waits(const struct connection *c)
{
	return c->stream.stuck || c->kept_size > 0;
}

static int
keep(void *context, const char *data, size_t size)
{
	struct connection *c = context;
	size_t room = c->kept_room == 0 ? OUTPUT_SIZE : c->kept_room;

	while (room < c->kept_size + size)
		room *= 2;
	if (room > KEPT_SIZE_MAX)
		return -1;
	if (room != c->kept_room) {
		char *kept = realloc(c->kept, room);

		if (kept == NULL)
			return -1;
		c->kept = kept;
		c->kept_room = room;
	}
	memcpy(c->kept + c->kept_size, data, size);
	c->kept_size += size;
	return 0;
}

void
connection_begin(struct connection *c)
{
	writer_init(&c->lmtp->out, c->lmtp->output, OUTPUT_SIZE, keep, c);
}

bool
output_go_on(struct connection *c)
{
	size_t sent = 0;

	while (sent < c->kept_size && !c->stream.stuck) {
		size_t part = c->kept_size - sent < TLS_WRITE_MAX ? c->kept_size - sent : TLS_WRITE_MAX;

		if (stream_write(&c->stream, c->kept + sent, part) == STREAM_FAILED)
			return false;
		sent += part;
	}
	c->kept_size -= sent;
	if (c->kept_size > 0) {
		memmove(c->kept, c->kept + sent, c->kept_size);
		return true;
	}
	free(c->kept);
	c->kept = NULL;
	c->kept_room = 0;
	return true;
}

bool
output_send(struct connection *c)
{
	struct writer *w = &c->lmtp->out;
	bool done;

	if (!output_waits(c)) {
		done = !w->failed && (w->used == 0 ||
		    stream_write(&c->stream, w->buffer, w->used) != STREAM_FAILED);
		w->used = 0;
	} else {
		done = writer_flush(w) && output_go_on(c);
	}
	if (!done)
		connection_end(c, "it cannot be written to");
	return done;
}
