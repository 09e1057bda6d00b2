/* See session.h. The commands themselves are in commands.c. */

#include "maildrop/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "maildrop/commands.h"
#include "pop3/reply.h"
#include "pop3/request.h"

#define PAUSE_MILLISECONDS_MAX 5000
#define LINE_SHORT_SIZE        64	/* a RETR that is longer is unusual */

bool
session_is_deleted(const struct session *s, size_t index)
{
	return s->deleted != NULL && s->deleted[index];
}

const char *
session_end_name(enum session_end end)
{
	static const char *const names[SESSION_END_COUNT] = {
		[SESSION_LIVES] = "lives",
		[SESSION_QUIT] = "quit",
		[SESSION_UPDATE_FAILED] = "update-failed",
		[SESSION_NOT_OPENED] = "not-opened",
		[SESSION_DISCONNECTED] = "disconnected",
		[SESSION_TIMEOUT] = "timeout",
		[SESSION_STALLED] = "stalled",
		[SESSION_KICKED] = "kicked",
		[SESSION_STOPPED] = "stopped",
		[SESSION_BAD_COMMANDS] = "bad-commands",
		[SESSION_READ_FAILED] = "read-failed",
		[SESSION_TAKEN_OVER] = "taken-over",
	};

	return names[end];
}

int
session_message(struct session *s, size_t index, struct message *message)
{
	struct error error;

	if (store_message(s->store, index, message, &error) == 0)
		return 0;
	LOG(LOG_LEVEL_ERROR, "maildrop-damaged", LOG_SESSION(s->id), LOG_NUMBER("message", index + 1),
	    LOG_REASON(&error));
	session_abort(s, SESSION_READ_FAILED);
	return -1;
}

void
session_abort(struct session *s, enum session_end end)
{
	if (s->state == SESSION_OVER)
		return;
	s->state = SESSION_OVER;
	s->end = end;
}

void
session_close(struct session *s)
{
	session_abort(s, SESSION_DISCONNECTED);
	store_close(s->store);
	s->store = NULL;
	free(s->deleted);
	s->deleted = NULL;
}

void
session_begin(struct session *s, struct store *store)
{
	s->store = store;
	s->message_count = store->count;
	s->octets = store->octets;
	s->state = SESSION_TRANSACTION;
	reply_ok(s->out, "%zu messages (%" PRIu64 " octets)", s->message_count, s->octets);
}

void
session_refuse(struct session *s, const struct error *error)
{
	static const char *const texts[ERROR_KIND_COUNT] = {
		[ERROR_BUSY] = "the maildrop is open in another session",
		[ERROR_PERMANENT] = "the maildrop cannot be opened; tell the postmaster",
	};
	const char *text = texts[error->kind];

	LOG(error->kind == ERROR_BUSY ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "open-failed",
	    LOG_SESSION(s->id), LOG_TEXT("kind", error_kind_name(error->kind)), LOG_REASON(error));
	reply_failure(s->out, error->kind, text != NULL ? text : "the maildrop cannot be opened now");
	session_abort(s, SESSION_NOT_OPENED);
}

/*
 * RFC 1939, section 6. What was asked for before QUIT goes out first: if the connection turns out to
 * be dead, it was lost, and a lost connection deletes nothing. The lock goes before the answer: the
 * client may come back at once.
 */
static void
session_update(struct session *s)
{
	struct error error;
	size_t left = s->message_count - s->deleted_count;
	int result = 0;

	if (s->deleted_count > 0 && !writer_flush(s->out)) {
		session_abort(s, SESSION_DISCONNECTED);
		return;
	}
	if (s->deleted_count > 0)
		result = store_remove(s->store, s->deleted, &error);
	store_release(s->store);
	if (result == 0) {
		reply_ok(s->out, "goodbye (%zu messages left)", left);
	} else {
		LOG(LOG_LEVEL_ERROR, "update-failed", LOG_SESSION(s->id), LOG_REASON(&error));
		reply_failure(s->out, ERROR_TEMPORARY, "some deleted messages not removed");
	}
	s->state = SESSION_OVER;
	s->end = result == 0 ? SESSION_QUIT : SESSION_UPDATE_FAILED;
}

/* The n-th bad command waits n - 1 times as long as the second; too many end the session. */
static void
session_bad_command(struct session *s, const char *problem)
{
	uint64_t wait = s->bad_command_count++ * s->rules->bad_command_delay_milliseconds;

	if (wait > 0)
		s->pause(s->context, wait < PAUSE_MILLISECONDS_MAX ? wait : PAUSE_MILLISECONDS_MAX);
	if (s->state == SESSION_OVER)
		return;
	if (s->bad_command_count >= s->rules->bad_commands_max) {
		reply_error(s->out, "%s; too many bad commands", problem);
		session_abort(s, SESSION_BAD_COMMANDS);
		return;
	}
	reply_error(s->out, "%s", problem);
}

/* True if the message that the request names may be used; its index is set. */
static bool
message_exists(struct session *s, struct request *request, size_t *index)
{
	if (request->number > s->message_count) {
		reply_error(s->out, "no such message, there are %zu", s->message_count);
		return false;
	}
	*index = (size_t)request->number - 1;
	if (session_is_deleted(s, *index)) {
		reply_error(s->out, "message %" PRIu64 " is deleted", request->number);
		return false;
	}
	return true;
}

static void
session_line(struct session *s, char *line)
{
	const struct command *command;
	struct request request;
	const char *problem;
	size_t index = 0;

	request_begin(&request, line);
	command = command_find(request.keyword, s->rules);
	if (command == NULL) {
		session_bad_command(s, command_problem(request.keyword));
		return;
	}
	problem = request_arguments(&request, command->arguments);
	if (problem != NULL) {
		session_bad_command(s, problem);
		return;
	}
	if (request.number == 0 || message_exists(s, &request, &index))
		command->run(s, &request, index);
	if (s->state == SESSION_UPDATE)
		session_update(s);
}

/* Is it RETR of a message that is there? Then index is set. */
static bool
line_is_retr(const struct session *s, const char *line, size_t size, size_t *index)
{
	struct request request;
	char copy[LINE_SHORT_SIZE];

	if (size >= sizeof(copy) || memchr(line, '\0', size) != NULL)
		return false;
	memcpy(copy, line, size);
	copy[size > 0 && copy[size - 1] == '\r' ? size - 1 : size] = '\0';
	request_begin(&request, copy);
	if (strcmp(request.keyword, "RETR") != 0 || request_arguments(&request, ARGS_MESSAGE) != NULL ||
	    request.number > s->message_count || session_is_deleted(s, (size_t)request.number - 1))
		return false;
	*index = (size_t)request.number - 1;
	return true;
}

void
session_look_ahead(struct session *s)
{
	if (s->ahead_count > 0)
		s->ahead_count--;	/* the one that is read now */
	if (s->looked < s->rest)
		s->looked = s->rest;
	while (s->ahead_count < STORE_AHEAD_MAX) {
		const char *end = memchr(s->looked, '\n', (size_t)(s->rest_end - s->looked));
		size_t index;

		if (end == NULL || !line_is_retr(s, s->looked, (size_t)(end - s->looked), &index))
			return;
		store_ahead(s->store, index);
		s->ahead_count++;
		s->looked = end + 1;
	}
}

size_t
session_input(struct session *s, char *input, size_t size)
{
	size_t done = 0;

	s->looked = input;
	s->rest_end = input + size;
	while (s->state == SESSION_TRANSACTION && !s->out->failed) {
		size_t length, consumed;
		char *line;
		enum line_status status = line_take(&s->line_reader, input + done, size - done,
		    LINE_OCTETS_MAX, &line, &length, &consumed);

		done += consumed;
		s->rest = input + done;
		switch (status) {
		case LINE_INCOMPLETE:
			return done;
		case LINE_READY:
			session_line(s, line);
			break;
		case LINE_TOO_LONG:
			session_bad_command(s, "the line is too long");
			break;
		case LINE_NUL:
			session_bad_command(s, "a line must not hold NUL");
			break;
		}
	}
	return done;
}
