/* The states of a session, and how input finds its way. See session.h. */

#include "lmtp/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtp/trace.h"

bool
recipients_asked(const struct session *s)
{
	return s->asked_start < s->recipient_count;
}

bool
session_waits(const struct session *s)
{
	return s->state == SESSION_DELIVERY || recipients_asked(s);
}

enum command_result
session_refuse(struct session *s, const char *format, ...)
{
	char text[256];
	va_list arguments;

	if (++s->bad_commands > s->settings->bad_commands_max) {
		session_stop(s, "421 4.7.0 too many bad commands");
		return COMMAND_DONE;
	}
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	writer_printf(s->out, "%s\r\n", text);
	return COMMAND_DONE;
}

void
transaction_end(struct session *s)
{
	bool was = s->in_transaction;

	for (size_t i = 0; i < s->accepted_count; i++)
		free(s->recipients[i]);
	for (size_t i = s->asked_start; i < s->recipient_count; i++)
		free(s->recipients[i]);
	s->accepted_count = s->asked_start = s->recipient_count = s->told_count = 0;
	s->mail_seen = s->in_transaction = false;
	if (s->state == SESSION_ENVELOPE || s->state == SESSION_CHUNKS || s->state == SESSION_DELIVERY)
		s->state = SESSION_READY;
	if (was)
		s->calls->end(s->context);
}

void
session_forget(struct session *s)
{
	transaction_end(s);
	s->peer = s->client;
	s->helo[0] = '\0';
	s->state = SESSION_GREETED;
}

void
session_greet(struct session *s)
{
	writer_printf(s->out, "220 %s LMTP restante ready\r\n", s->settings->host);
}

void
session_begin(struct session *s)
{
	session_forget(s);
	session_greet(s);
}

void
session_tls_begun(struct session *s)
{
	s->tls = true;
	session_forget(s);
}

void
session_stop(struct session *s, const char *reply)
{
	if (reply != NULL)
		writer_printf(s->out, "%s\r\n", reply);
	transaction_end(s);
	s->state = SESSION_OVER;
}

void
session_close(struct session *s)
{
	session_stop(s, NULL);
	free(s->recipients);
	s->recipients = NULL;
	s->recipients_size = 0;
}

/* What is wrong with a line of this status; the reply says what the manual explains. */
static const char *const line_problems[] = {
	[LINE_TOO_LONG] = "500 5.5.2 the line is too long",
	[LINE_BARE] = "500 5.5.2 a line ends with CRLF, and holds no CR or LF",
	[LINE_NUL] = "500 5.5.2 the line holds NUL",
};

/* Takes one command. The line is copied: input is not ours, and a command that has to wait is read again. */
static size_t
command_take(struct session *s, const char *input, size_t size)
{
	char line[LINE_OCTETS_MAX];
	struct line_reader reader = s->reader;
	const struct command *command;
	const char *text;
	size_t length, consumed;
	enum line_status status = line_take(&reader, input, size, &text, &length, &consumed);

	if (status == LINE_READY) {
		command = command_find(s->state, text, length);
		if (recipients_asked(s) && (command == NULL || !command->overlaps))
			return 0;
		memcpy(line, text, length);
		line[length] = '\0';
		if (command_run(s, command, line) == COMMAND_LATER)
			return 0;
	} else if (status != LINE_INCOMPLETE) {
		if (recipients_asked(s))
			return 0;
		session_refuse(s, "%s", line_problems[status]);
	}
	s->reader = reader;
	return consumed;
}

static size_t
nothing_take(struct session *s, const char *input, size_t size)
{
	(void)s;
	(void)input;
	(void)size;
	return 0;
}

/* What was sent behind STARTTLS might be somebody else's (RFC 3207, section 4.2); behind QUIT nobody wants it. */
static size_t
rest_drop(struct session *s, const char *input, size_t size)
{
	(void)s;
	(void)input;
	return size;
}

size_t
session_input(struct session *s, const char *input, size_t size)
{
	static size_t (*const takers[SESSION_STATE_COUNT])(struct session *, const char *, size_t) = {
		[SESSION_GREETED] = command_take,
		[SESSION_READY] = command_take,
		[SESSION_ENVELOPE] = command_take,
		[SESSION_CHUNKS] = command_take,
		[SESSION_DATA] = message_take,
		[SESSION_CHUNK] = chunk_take,
		[SESSION_DELIVERY] = nothing_take,
		[SESSION_STARTTLS] = rest_drop,
		[SESSION_OVER] = rest_drop,
	};
	size_t done = 0;

	while (done < size) {
		size_t part = takers[s->state](s, input + done, size - done);

		if (part == 0)
			break;
		done += part;
	}
	return done;
}

bool
session_trace(const struct session *s, const struct recipient *recipient, time_t now, struct writer *w)
{
	const struct received received = {
		.helo = s->peer.helo[0] != '\0' ? s->peer.helo : s->helo,
		.name = s->peer.name,
		.address = s->peer.address,
		.by = s->settings->host,
		.with = trace_protocol(s->tls, s->envelope.utf8),
		.session = s->id,
		.count = s->message_count,
		.for_path = s->accepted_count == 1 ? &recipient->path : NULL,
		.time = now,
	};

	return trace_return_path(w, &s->envelope.sender) && trace_delivered_to(w, &recipient->path) &&
	    (!s->settings->received || trace_received(w, &received));
}
