/*
 * A session of LMTP (RFC 2033): octets in, replies out, and questions to the program around it.
 *
 * The session knows no sockets, files or processes. The program hands it octets with session_input() and
 * takes the replies from a writer; the session asks it through struct session_calls about recipients,
 * hands it the message and has it delivered. Answers are calls too, at once or later, in any order; the
 * replies leave in the order of the commands, as RFC 2920 and section 4.2 of RFC 2033 want it. Within its
 * calls the program answers and does nothing else with the session.
 *
 *	GREETED -LHLO-> READY -MAIL-> ENVELOPE -DATA-> DATA ------> DELIVERY -> READY
 *	                                 |                              ^
 *	                                 +--BDAT-> CHUNK <-> CHUNKS ----+
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/limits.h"
#include "base/writer.h"
#include "lmtp/dots.h"
#include "lmtp/line.h"
#include "lmtp/reply.h"
#include "smtp/extension.h"
#include "smtp/hops.h"
#include "smtp/parameter.h"
#include "smtp/path.h"

/* How many RCPT may wait for their answers together; the next one waits with what is behind it. */
#define RECIPIENTS_ASKED_MAX 32

struct session_settings {
	const char *host;		/* our name, in the greeting and in Received */
	uint64_t size_max;		/* of a message; 0: no limit */
	unsigned recipients_max, bad_commands_max;
	char delimiter;			/* of address extensions; NUL: none */
	bool received;			/* write a Received line */
};

/* Who the client is; "" where that is not known. What XCLIENT says takes its place (Postfix's XCLIENT_README). */
struct session_client {
	char name[HOST_SIZE], address[PEER_SIZE];	/* "192.0.2.1", "IPv6:2001:db8::1" */
	char port[6], protocol[8], helo[HOST_SIZE], login[USER_SIZE];
	char local_address[PEER_SIZE], local_port[6];
};

enum body { BODY_7BIT, BODY_8BITMIME };
enum ret { RET_NONE, RET_FULL, RET_HDRS };

/* What MAIL said. */
struct envelope {
	struct path sender;		/* local is "" for the null reverse-path */
	bool utf8;			/* SMTPUTF8 */
	enum body body;
	enum ret ret;
	uint64_t size;			/* as declared; 0: not */
	char envid[ENVID_OCTETS_MAX + 1];
};

/* What RCPT said. It lives until it is refused or the transaction ends. */
struct recipient {
	unsigned number;		/* of the RCPT in its transaction, from 1: what the answers name */
	struct path path;
	struct path base;		/* without the extension */
	char detail[DETAIL_SIZE];	/* the extension, fit for the name of a folder; else "" */
	unsigned notify;
	enum verdict verdict;
	bool looped;			/* the message was delivered to it before */
	const struct recipient *first;	/* an earlier one with the same path: what becomes of that */
	char orcpt[];			/* as it came */
};

struct session_calls {
	/* Is there such a mailbox? session_recipient() answers, during this call or later. */
	void (*recipient)(void *context, const struct recipient *);
	/* The next piece, CRLF and all. VERDICT_OK, or why it cannot be kept: then no more comes. */
	enum verdict (*data)(void *context, const char *octets, size_t size);
	/*
	 * The message is whole: deliver it to this recipient. Called for each that gets it, in the order of
	 * RCPT, and once for an address however often RCPT named it. session_delivered() answers, as above.
	 */
	void (*deliver)(void *context, const struct recipient *);
	/*
	 * A transaction that MAIL began is over, however it ended: what was spooled can go, and nobody waits
	 * for answers. Called once for each.
	 */
	void (*end)(void *context);
	/* It is whole and does not go to this recipient: its verdict says why. NULL: who cares. */
	void (*undelivered)(void *context, const struct recipient *);
};

enum session_state {
	SESSION_GREETED,	/* before LHLO */
	SESSION_READY,
	SESSION_ENVELOPE,	/* behind MAIL */
	SESSION_CHUNKS,		/* behind the first BDAT */
	SESSION_DATA,		/* inside a message */
	SESSION_CHUNK,		/* inside the octets of a BDAT */
	SESSION_DELIVERY,	/* outcomes are waited for */
	SESSION_STARTTLS,	/* the client waits for TLS: session_tls_begun() is next */
	SESSION_OVER,		/* send what is to be sent and close */
	SESSION_STATE_COUNT
};

struct session {
	/* The program's, before session_begin(). */
	const struct session_settings *settings;
	const struct session_calls *calls;
	void *context;
	struct writer *out;
	uint64_t id;
	bool tls_offered, tls;
	bool trusted;			/* may say XCLIENT */
	struct session_client client;		/* as the program knows it */

	/* The session's. */
	enum session_state state;
	struct session_client peer;		/* client, or what XCLIENT said */
	char helo[HOST_SIZE];
	unsigned bad_commands, message_count;
	struct line_reader reader;
	struct dots dots;
	struct hops hops;
	bool mail_seen;			/* MAIL was said, and be it in vain, since the last transaction */
	bool in_transaction, delivering;
	struct envelope envelope;
	/* accepted: [0 .. accepted_count); asked: [asked_start .. recipient_count). */
	struct recipient **recipients;
	size_t accepted_count, asked_start, recipient_count, recipients_size;
	size_t told_count;		/* how many outcomes were written */
	unsigned last_number;
	uint64_t octets;		/* of the message so far */
	enum verdict spool;		/* VERDICT_OK, or why the rest of the message is not kept */
	uint64_t chunk_left, chunk_size;
	bool chunk_last, chunk_used;
	enum session_state chunk_state;	/* what the state was before it */
};

/* Writes the greeting. */
void session_begin(struct session *);
/*
 * Takes octets from the client and returns how many are done with. The others are to be kept and handed
 * in again, with what comes behind them: at once after an answer, or else when there is more. While the
 * session waits for nothing these are never more than LINE_OCTETS_MAX.
 */
size_t session_input(struct session *, const char *input, size_t size);
/* Does the session wait for answers? It takes no input then (RCPT aside): do not read from the client. */
bool session_waits(const struct session *);

/* The answers. A number that nothing is waited for of is ignored. Replies may have been written. */
void session_recipient(struct session *, unsigned number, enum verdict);
void session_delivered(struct session *, unsigned number, enum verdict);

/* The lines that go before the message for this recipient; TRACE_OCTETS_MAX is room enough. */
bool session_trace(const struct session *, const struct recipient *, time_t now, struct writer *);

/* TLS stands: all that was said before is forgotten (RFC 3207, section 4.2). */
void session_tls_begun(struct session *);
/* Ends the session for a reason of the program's: reply is "421 4.3.2 ...", or NULL where no one would read it. */
void session_stop(struct session *, const char *reply);
/* Frees everything; the transaction ends. */
void session_close(struct session *);
