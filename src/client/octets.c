/* Octets in and out, with or without TLS between. */

#include <stdio.h>
#include <string.h>

#include "client/engine.h"

enum step
octets_protect(struct restante_client *client)
{
	client->phase = PHASE_HANDSHAKE;
	client->is_tls_begun = true;
	return STEP_AGAIN;
}

static enum step
tls_failed(struct restante_client *client)
{
	enum error_kind kind = tls_client_failure_kind(client->tls);

	if (kind == ERROR_TEMPORARY)
		return client_closed(client);
	return client_end(client, kind == ERROR_DENIED ? RESTANTE_UNTRUSTED : RESTANTE_TLS_FAILED, "%s",
	    tls_client_failure(client->tls));
}

/* What came goes to TLS as far as it takes it, the end behind the last of it. False: it took nothing. */
static bool
feed(struct restante_client *client)
{
	struct buffer *in = &client->cipher_in;
	size_t taken = 0;

	if (buffer_used(in) > 0) {
		taken = tls_client_feed(client->tls, in->octets + in->begin, buffer_used(in));
		buffer_take(in, taken);
	}
	if (buffer_used(in) == 0 && client->is_closed)
		tls_client_feed_end(client->tls);
	return taken > 0;
}

enum step
octets_handshake(struct restante_client *client)
{
	bool is_fed;

	/* Behind STLS nothing can be there yet: somebody else has put it there (RFC 2595, section 4). */
	if (client->is_stls && !client->is_hello_sent && buffer_used(&client->cipher_in) > 0)
		return client_broken(client, "octets in clear text behind its answer to STLS");
	is_fed = feed(client);
	switch (tls_client_handshake(client->tls)) {
	case TLS_DONE:
		snprintf(client->protection, sizeof(client->protection), "%s %s",
		    tls_client_version(client->tls), tls_client_cipher(client->tls));
		return greet_protected(client);
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		return is_fed ? STEP_AGAIN : STEP_NEED;
	case TLS_CLOSED:
		return client_closed(client);
	case TLS_FAILED:
		break;
	}
	return tls_failed(client);
}

/* Room for a line at least, and for a good piece of a message. Nothing is lent when this is called. */
static size_t
make_room(struct buffer *in)
{
	if (in->begin == in->end)
		in->begin = in->end = 0;
	else if (in->size - in->end < in->size / 2) {
		memmove(in->octets, in->octets + in->begin, in->end - in->begin);
		in->end -= in->begin;
		in->begin = 0;
	}
	return in->size - in->end;
}

void
octets_receive(struct restante_client *client)
{
	struct buffer *in = &client->in;

	if (!client->is_protected || client->held_size > 0 || client->is_dry)
		return;
	/* There is a line in so much, or a piece: with room for more, all the others would be moved at each. */
	if (buffer_used(in) >= in->size / 2)
		return;
	for (;;) {
		enum tls_status status;
		size_t size = make_room(in);
		bool is_fed;

		if (size == 0)
			return;
		is_fed = feed(client);
		status = tls_client_read(client->tls, in->octets + in->end, &size);
		switch (status) {
		case TLS_DONE:
			in->end += size;
			continue;
		case TLS_CLOSED:
			client->is_closed = true;
			return;
		case TLS_WANT_READ:
		case TLS_WANT_WRITE:
			if (is_fed)
				continue;
			client->is_dry = status == TLS_WANT_READ;
			return;
		case TLS_FAILED:
			/* A stream without its end: a reply that is not whole says so by itself. */
			if (tls_client_is_truncated(client->tls))
				client->is_closed = true;
			else
				tls_failed(client);
			return;
		}
	}
}

void
octets_last(struct restante_client *client)
{
	if (client->is_protected)
		tls_client_close(client->tls);
}

void *
restante_client_input_buffer(struct restante_client *client, size_t *room)
{
	struct buffer *in = client->is_tls_begun ? &client->cipher_in : &client->in;

	*room = 0;
	if (client->has_events || client->is_closed || client->phase == PHASE_OVER)
		return NULL;
	*room = make_room(in);
	return in->octets + in->end;
}

void
restante_client_input_done(struct restante_client *client, size_t size)
{
	struct buffer *in = client->is_tls_begun ? &client->cipher_in : &client->in;

	in->end += size;
	client->is_dry = false;
	client->is_closed |= size == 0;
	client->has_events = true;
}

/* Clear text goes to TLS as far as it takes it. */
static void
encrypt(struct restante_client *client)
{
	struct buffer *out = &client->out;
	size_t size;

	while (client->is_protected && (size = buffer_used(out)) > 0) {
		if (tls_client_write(client->tls, out->octets + out->begin, &size) != TLS_DONE)
			return;
		client->out_taken += size;
		buffer_take(out, size);
	}
}

const void *
restante_client_output(struct restante_client *client, size_t *size)
{
	const struct buffer *out = &client->out;

	commands_leave(client);
	if (client->is_tls_begun) {
		encrypt(client);
		/* Whoever made it end before TLS began hears nothing of TLS. */
		if (client->phase == PHASE_OVER && !client->is_hello_sent) {
			*size = 0;
			return NULL;
		}
		return tls_client_output(client->tls, size);
	}
	*size = buffer_used(out);
	return *size > 0 ? out->octets + out->begin : NULL;
}

void
restante_client_output_done(struct restante_client *client, size_t size)
{
	if (client->is_tls_begun) {
		client->is_hello_sent |= size > 0;
		tls_client_output_done(client->tls, size);
		return;
	}
	client->out_taken += size;
	buffer_take(&client->out, size);
}
