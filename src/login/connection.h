/*
 * A connection in the AUTHORIZATION state: from accept until it is handed over, or ends. Small,
 * because a stranger may hold very many; what it sometimes needs is allocated then.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "front/crowd.h"
#include "front/peer.h"
#include "front/stream.h"
#include "login/login.h"
#include "pop3/capability.h"
#include "pop3/line.h"

enum connection_state {
	CONNECTION_HANDSHAKE,	/* TLS is being agreed on */
	CONNECTION_COMMAND,	/* a command line is expected */
	CONNECTION_SASL,	/* the answer to a challenge is expected */
	CONNECTION_ASKING,	/* auth has a question; nothing is read */
	CONNECTION_DELAYED,	/* a bad command is answered later; nothing is read */
	CONNECTION_ENDING,	/* when the last reply has gone */
	CONNECTION_LINGERING,	/* until the client, which still talks, has heard it */
	CONNECTION_CLOSED,	/* the memory lives until the work in hand is done */
};

struct connection {
	struct grave grave;
	struct login *login;
	struct watch watch;
	struct deadline deadline;	/* in login->young */
	struct stream stream;
	uint64_t session;
	struct connection *next_asking;
	struct timer *delay;		/* while CONNECTION_DELAYED */
	const char *problem;		/* what will be answered then */
	const char *reason;		/* while CONNECTION_ENDING: for the log */
	const char *domain;		/* of the timestamp in the greeting; NULL: there was none */
	char *user;			/* named by USER */
	char *held;			/* read, but not yet looked at */
	struct peer peer;
	uint16_t held_size;
	uint16_t bad_count, refused_count;
	uint32_t dropped_size;		/* while CONNECTION_LINGERING */
	uint32_t maildrop;		/* granted: the number of its process */
	uint8_t state;			/* enum connection_state */
	uint8_t tls_mode;		/* enum config_tls_mode */
	bool asking;			/* auth knows of this session */
	bool granted;			/* it is handed over when the last reply has gone */
	bool spoke;			/* some octets have come */
	bool greeted;
	bool unheard;			/* something was said behind the last command */
	struct line_reader reader;
};

/* Takes the socket. */
void connection_start(struct login *, int socket, const struct peer *, const struct listener *);
/* Ends it at once. reason: for the log; NULL: it is not gone, its socket was handed over. */
void connection_end(struct connection *, const char *reason);
/* Ends it when all replies have gone. reason: lent for ever. */
void connection_finish(struct connection *, const char *reason);
/* The login timeout, as an element of login->young. */
void connection_expired(struct deadline *);
struct connection *connection_of(struct deadline *);

/* The reply in work: from connection_begin() to connection_resume(). */
struct writer *out_of(struct connection *);
void connection_begin(struct connection *);
/* Goes on with what the client had sent already, and sends all replies. It may have ended then. */
void connection_resume(struct connection *);
/* Answers a bad command: at once, later, or for the last time. problem: lent for ever. */
void connection_bad(struct connection *, const char *problem);
/* Answers a login that was refused: RFC 3206. */
void connection_refuse(struct connection *, enum error_kind, const char *text);
/* After the +OK to STLS. Forgets everything that came in clear (RFC 2595, section 4). */
void connection_protect(struct connection *);

bool connection_is_protected(const struct connection *);
/* May passwords come over this connection as they are? */
bool connection_takes_passwords(const struct connection *);
/* What CAPA answers; sasl is filled and lent to *capabilities. */
void connection_capabilities(const struct connection *, struct capabilities *, char *sasl,
    size_t sasl_size);
