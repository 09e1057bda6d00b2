/*
 * One POP3 session from the opened maildrop to its end: TRANSACTION and UPDATE states (RFC 1939,
 * sections 5 and 6). Knows no socket: octets come in through session_input(), replies go to a
 * writer, so that a talk in a test is a session like any other.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/writer.h"
#include "maildrop/pool.h"
#include "maildrop/rules.h"
#include "pop3/capability.h"
#include "pop3/line.h"
#include "store/store.h"

enum session_state {
	SESSION_TRANSACTION,
	SESSION_UPDATE,		/* QUIT was received: remove, then answer */
	SESSION_OVER,		/* nothing more is read or written */
};

/* Why it is over. Only SESSION_QUIT has been through UPDATE. */
enum session_end {
	SESSION_LIVES,
	SESSION_QUIT,
	SESSION_UPDATE_FAILED,	/* QUIT, but something marked could not be removed */
	SESSION_NOT_OPENED,
	SESSION_DISCONNECTED,
	SESSION_TIMEOUT,
	SESSION_STALLED,	/* the client took nothing for too long */
	SESSION_KICKED,
	SESSION_STOPPED,
	SESSION_BAD_COMMANDS,
	SESSION_READ_FAILED,	/* the store failed in the middle of a message */
	SESSION_TAKEN_OVER,	/* its owner logged in again, and this one was silent */
	SESSION_END_COUNT
};

struct session {
	const struct rules *rules;	/* lent */
	struct capabilities capabilities;	/* as announced in AUTHORIZATION; texts are lent */
	uint64_t id;
	struct store *store;		/* owned; NULL once it is closed */
	size_t message_count;
	uint64_t octets;		/* of the messages that are not deleted */
	bool *deleted;			/* message_count of them; NULL while nothing is marked */
	size_t deleted_count;
	uint64_t highest;		/* LAST: the highest number accessed */
	uint64_t bad_command_count;
	atomic_uint_fast64_t retrieved_count, marked_count, octets_out;	/* others may read these */
	enum session_state state;
	enum session_end end;
	struct line_reader line_reader;
	/* While session_open() or session_input() run: */
	struct writer *out;
	struct scratch *scratch;
	const char *rest, *rest_end;	/* the input behind the line that runs */
	const char *looked;		/* how much of it has been looked at for what comes */
	size_t ahead_count;		/* messages that the store was told of, still to be read */
	/* Makes the client wait after a bad command. */
	void (*pause)(void *context, uint64_t milliseconds);
	/*
	 * Sends what out holds, then size octets of a file from its start. -1: not all of it; either
	 * out has failed, or the file could not be read to there. NULL: files cannot be sent here.
	 */
	int (*send_file)(void *context, int file, uint64_t size);
	void *context;
};

/*
 * Writes the answer to the login, now that the store is open: +OK. Takes the store over. Fill
 * rules, capabilities, id, out, pause, send_file and context before.
 */
void session_begin(struct session *, struct store *);
/* The same where it could not be opened: -ERR, [IN-USE] for ERROR_BUSY. The session is over. */
void session_refuse(struct session *, const struct error *);
/*
 * Runs the complete lines of input[0 .. size), which it changes. Returns how many octets it is done
 * with; what is left is the start of a line. Stops when the session is over.
 */
size_t session_input(struct session *, char *input, size_t size);
/* Ends it without UPDATE, unless it is over. */
void session_abort(struct session *, enum session_end);
/* Closes the store (the lock goes) and frees what the session holds. */
void session_close(struct session *);

/* A message is about to be read: tells the store which ones the next lines of the input ask for. */
void session_look_ahead(struct session *);
bool session_is_deleted(const struct session *, size_t index);
/* store_message(); on failure the session is over. */
int session_message(struct session *, size_t index, struct message *);
/* One word for the log. */
const char *session_end_name(enum session_end);
