/* A client: its octets, its session, its message; from accept until it has gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "front/peer.h"
#include "front/stream.h"
#include "lmtp/lmtp.h"
#include "lmtp/spool.h"

enum connection_state {
	CONNECTION_HANDSHAKE,	/* TLS is being agreed on */
	CONNECTION_TALKING,
	CONNECTION_ENDING,	/* when the last reply has gone */
	CONNECTION_LINGERING,	/* until the client, which still talks, has heard it */
	CONNECTION_CLOSED,	/* the memory lives until the work in hand is done */
};

struct connection {
	struct grave grave;
	struct lmtp *lmtp;
	struct watch watch;
	struct deadline deadline;	/* in lmtp->talking, or in lmtp->silent while it waits for us */
	struct stream stream;
	struct session session;
	struct spool spool;
	char *held;			/* read, but not yet looked at */
	size_t held_size;
	char *kept;			/* replies that the stream is not ready for */
	size_t kept_size, kept_room;
	size_t dropped_size;		/* while CONNECTION_LINGERING */
	const char *reason;		/* while CONNECTION_ENDING: for the log; lent for ever */
	uint8_t state;			/* enum connection_state */
	uint8_t tls_mode;		/* enum config_tls_mode */
	bool waits;			/* it is in lmtp->silent */
	bool greeted, unheard;

	/* The transaction. */
	struct delivery *first, *last;	/* one for each recipient that is asked about or accepted, in order */
	struct delivery *next;		/* where the search for the next one begins */
	unsigned delivered_count, failed_count;
	enum verdict unspooled;		/* VERDICT_OK, or why the message could not be kept */
};

/* Takes the socket. peer: NULL on a Unix socket. */
void connection_start(struct lmtp *, int socket, const struct peer *, const struct listener *);
/* Ends it at once. reason: for the log, lent for ever. */
void connection_end(struct connection *, const char *reason);
/* Ends it with a reply, as soon as that has gone. */
void connection_stop(struct connection *, const char *reply, const char *reason);
/* Those that hand in nothing just now are told that the server stops. */
void connections_stop_idle(struct lmtp *);
/* Of lmtp->talking: it has been silent for too long. */
void connection_expired(struct deadline *);
struct connection *connection_of(struct deadline *);
/* The session may be called between these two. The connection may have ended behind the second. */
void connection_begin(struct connection *);
void connection_resume(struct connection *);
