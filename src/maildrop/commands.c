/*
 * The TRANSACTION state (RFC 1939, section 5): one function per command.
 *
 * session_line() has checked the arguments against the table: when a command runs, index names a
 * message that exists and is not deleted, if the command takes one.
 */

#include "maildrop/commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "mail/wire.h"
#include "pop3/reply.h"

/*
 * What is smaller is copied into one answer with its +OK and its dot: a system call costs more than
 * the copying (measured: even between 12 and 25 KiB).
 */
#define SEND_FILE_MIN (16 * 1024)

/* Sends what was read first, then the rest of the message. */
static void
message_send(struct session *s, size_t index, uint64_t body_lines, ssize_t n)
{
	struct error error;
	struct wire wire;
	uint64_t offset = 0, octets;

	wire_begin(&wire, body_lines);
	while (n > 0 && wire_put(&wire, s->out, s->scratch->chunk, (size_t)n)) {
		offset += (uint64_t)n;
		n = store_read(s->store, index, offset, s->scratch->chunk, sizeof(s->scratch->chunk),
		    &error);
	}
	if (n < 0) {
		/*
		 * The +OK is on its way and cannot be taken back. A final dot would say that the
		 * message is whole, and the client might delete it: hang up.
		 */
		LOG(LOG_LEVEL_ERROR, "read-failed", LOG_SESSION(s->id), LOG_NUMBER("message", index + 1),
		    LOG_REASON(&error));
		session_abort(s, SESSION_READ_FAILED);
		return;
	}
	octets = wire_end(&wire, s->out);
	if (body_lines == UINT64_MAX && !s->out->failed)
		store_sent(s->store, index, octets, wire_was_stored_so(&wire));
}

/* Reads the first piece before +OK is said: a message that has vanished can still be refused. */
static bool
message_first(struct session *s, size_t index, ssize_t *n)
{
	struct error error;

	*n = store_read(s->store, index, 0, s->scratch->chunk, sizeof(s->scratch->chunk), &error);
	if (*n >= 0)
		return true;
	LOG(LOG_LEVEL_WARNING, "read-failed", LOG_SESSION(s->id), LOG_NUMBER("message", index + 1),
	    LOG_REASON(&error));
	reply_failure(s->out, error.kind, error.kind == ERROR_GONE ? "the message is no longer there"
	                                                           : "the message cannot be read");
	return false;
}

static void
message_accessed(struct session *s, size_t index)
{
	if (index + 1 > s->highest)
		s->highest = index + 1;
}

static void
retr_by_reading(struct session *s, size_t index, uint64_t size)
{
	ssize_t n;

	if (!message_first(s, index, &n))
		return;
	message_accessed(s, index);
	reply_ok(s->out, "%" PRIu64 " octets", size);
	message_send(s, index, UINT64_MAX, n);
}

/* The kernel sends it from the file. What was told of the size is true: store_file() has looked. */
static void
retr_by_file(struct session *s, size_t index, uint64_t size, int file)
{
	message_accessed(s, index);
	reply_ok(s->out, "%" PRIu64 " octets", size);
	if (s->send_file(s->context, file, size) == 0) {
		writer_put(s->out, ".\r\n", 3);
	} else if (!s->out->failed) {
		/* No final dot, as above. */
		LOG(LOG_LEVEL_ERROR, "read-failed", LOG_SESSION(s->id),
		    LOG_NUMBER("message", index + 1), LOG_TEXT("reason", "the file ended early"));
		session_abort(s, SESSION_READ_FAILED);
	}
}

static void
cmd_retr(struct session *s, const struct request *request, size_t index)
{
	struct message message;
	int file = -1;

	(void)request;
	if (session_message(s, index, &message) != 0)
		return;
	session_look_ahead(s);
	if (s->send_file != NULL && message.size >= SEND_FILE_MIN)
		file = store_file(s->store, index);
	if (file >= 0) {
		retr_by_file(s, index, message.size, file);
		close(file);
	} else {
		retr_by_reading(s, index, message.size);
	}
	if (s->state == SESSION_TRANSACTION && !s->out->failed)
		atomic_fetch_add(&s->retrieved_count, 1);
}

static void
cmd_top(struct session *s, const struct request *request, size_t index)
{
	ssize_t n;

	if (!message_first(s, index, &n))
		return;
	reply_ok(s->out, "top of message follows");
	message_send(s, index, request->lines, n);
}

static void
cmd_dele(struct session *s, const struct request *request, size_t index)
{
	struct message message;

	(void)request;
	if (session_message(s, index, &message) != 0)
		return;
	if (s->deleted == NULL)
		s->deleted = calloc(s->message_count, sizeof(*s->deleted));
	if (s->deleted == NULL) {
		LOG(LOG_LEVEL_ERROR, "mark-failed", LOG_SESSION(s->id), LOG_TEXT("reason", "no memory"));
		reply_failure(s->out, ERROR_TEMPORARY, "no memory to mark a message");
		return;
	}
	s->deleted[index] = true;
	s->deleted_count++;
	s->octets -= message.size;
	atomic_store(&s->marked_count, s->deleted_count);
	message_accessed(s, index);
	reply_ok(s->out, "message %zu deleted", index + 1);
}

static void
cmd_rset(struct session *s, const struct request *request, size_t index)
{
	(void)request;
	(void)index;
	free(s->deleted);
	s->deleted = NULL;
	s->deleted_count = 0;
	s->octets = s->store->octets;
	atomic_store(&s->marked_count, 0);
	s->highest = 0;		/* RFC 1460, section 4 */
	reply_ok(s->out, "nothing is deleted");
}

static void
cmd_stat(struct session *s, const struct request *request, size_t index)
{
	(void)request;
	(void)index;
	reply_ok(s->out, "%zu %" PRIu64, s->message_count - s->deleted_count, s->octets);
}

/* Writes what is told of a message behind its number. */
typedef void (*message_line)(struct writer *, const struct message *);

static void
number_write(struct writer *w, uint64_t number, const char *end)
{
	char text[NUMBER_DIGITS_MAX];

	writer_put(w, text, (size_t)(number_put(text, number) - text));
	writer_text(w, end);
}

/* The answer about a large maildrop is many of them: no printf() here. */
static void
line_put(struct writer *w, size_t number, const struct message *message, message_line what)
{
	number_write(w, number, " ");
	what(w, message);
}

/* One line behind +OK, or a line for each message that is not deleted. */
static void
listing(struct session *s, const struct request *request, size_t index, const char *title,
    message_line what)
{
	struct message message;

	if (!request->all) {
		if (session_message(s, index, &message) == 0) {
			writer_text(s->out, "+OK ");
			line_put(s->out, index + 1, &message, what);
		}
		return;
	}
	reply_ok(s->out, "%s", title);
	for (size_t i = 0; i < s->message_count && !s->out->failed; i++) {
		if (session_is_deleted(s, i))
			continue;
		if (session_message(s, i, &message) != 0)
			return;
		line_put(s->out, i + 1, &message, what);
	}
	writer_text(s->out, ".\r\n");
}

static void
size_put(struct writer *w, const struct message *message)
{
	number_write(w, message->size, "\r\n");
}

static void
cmd_list(struct session *s, const struct request *request, size_t index)
{
	listing(s, request, index, "sizes follow", size_put);
}

static void
uidl_put(struct writer *w, const struct message *message)
{
	writer_put(w, message->uidl, message->uidl_size);
	writer_put(w, "\r\n", 2);
}

static void
cmd_uidl(struct session *s, const struct request *request, size_t index)
{
	listing(s, request, index, "identifiers follow", uidl_put);
}

/* RFC 1460, section 4. */
static void
cmd_last(struct session *s, const struct request *request, size_t index)
{
	(void)request;
	(void)index;
	reply_ok(s->out, "%" PRIu64, s->highest);
}

static bool
last_enabled(const struct rules *rules)
{
	return rules->last;
}

static void
cmd_noop(struct session *s, const struct request *request, size_t index)
{
	(void)request;
	(void)index;
	reply_ok(s->out, "still here");
}

/* RFC 2449, section 5. */
static void
cmd_capa(struct session *s, const struct request *request, size_t index)
{
	(void)request;
	(void)index;
	capabilities_write(s->out, &s->capabilities);
}

static void
cmd_quit(struct session *s, const struct request *request, size_t index)
{
	(void)request;
	(void)index;
	s->state = SESSION_UPDATE;	/* session_update() removes, then replies */
}

static const struct command commands[] = {
	{ "CAPA", ARGS_NONE,              cmd_capa, NULL         },
	{ "DELE", ARGS_MESSAGE,           cmd_dele, NULL         },
	{ "LAST", ARGS_NONE,              cmd_last, last_enabled },
	{ "LIST", ARGS_MAYBE_MESSAGE,     cmd_list, NULL         },
	{ "NOOP", ARGS_NONE,              cmd_noop, NULL         },
	{ "QUIT", ARGS_NONE,              cmd_quit, NULL         },
	{ "RETR", ARGS_MESSAGE,           cmd_retr, NULL         },
	{ "RSET", ARGS_NONE,              cmd_rset, NULL         },
	{ "STAT", ARGS_NONE,              cmd_stat, NULL         },
	{ "TOP",  ARGS_MESSAGE_AND_LINES, cmd_top,  NULL         },
	{ "UIDL", ARGS_MAYBE_MESSAGE,     cmd_uidl, NULL         },
};

const struct command *
command_find(const char *keyword, const struct rules *rules)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].keyword, keyword) == 0)
			return commands[i].enabled == NULL || commands[i].enabled(rules) ? &commands[i]
			                                                                 : NULL;
	return NULL;
}

const char *
command_problem(const char *keyword)
{
	static const char *const authorization[] = { "APOP", "AUTH", "PASS", "STLS", "USER" };

	for (size_t i = 0; i < sizeof(authorization) / sizeof(authorization[0]); i++)
		if (strcmp(authorization[i], keyword) == 0)
			return "you have logged in already";
	return "unknown command";
}
