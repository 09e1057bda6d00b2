/*
 * SMTP and LMTP from a client's side (RFC 5321, RFC 2033), for messages with one recipient each: the way of
 * restante-deliver over the server, and of collected mail to an MTA. relay_link.c is connections, lines and
 * time-outs, relay.c what is said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "smtp/path.h"

#define RELAY_TIMEOUT_SECONDS 600	/* what the last answer may take: RFC 5321, section 4.5.3.2.6 */
#define RELAY_LINE_SIZE       1024	/* what is kept of a line of a reply */

enum relay_protocol { RELAY_LMTP, RELAY_SMTP };

struct relay {
	int socket;
	enum relay_protocol protocol;
	unsigned timeout_seconds;	/* for each answer, and for each wait until something can be sent */
	char input[4096];
	size_t used, taken;
	bool is_open_ended;		/* a message was begun and not ended: RSET comes first */
	bool is_put_off;		/* the last message, once it was heard: others may fare better */
	bool takes_size, takes_8bit, takes_utf8;	/* what the server offers, after relay_greet() */
};

struct relay_letter {
	const struct path *sender, *recipient;
	int message;			/* a file; read from its start */
};

/* Connects; all failures are ERROR_TEMPORARY. Blocks until there is room in the socket's queue. */
int relay_open(struct relay *, enum relay_protocol, const char *path, unsigned timeout_seconds, struct error *);
/* The same to a host's port; each of its addresses is tried. An unknown host is ERROR_TEMPORARY, too. */
int relay_open_host(struct relay *, enum relay_protocol, const char *host, const char *port,
    unsigned timeout_seconds, struct error *);
void relay_close(struct relay *);

/*
 * All return the exit status (sysexits.h) for what the server said last, and what that was, in the error.
 * EX_TEMPFAIL after relay_message(): the connection is of no more use.
 */
int relay_greet(struct relay *, struct error *);
/*
 * One message, after relay_greet(). One whose last answer was lost may have been delivered: it is
 * EX_TEMPFAIL then, since mail that comes twice is better than none, and the error says so.
 */
int relay_message(struct relay *, const struct relay_letter *, struct error *);
/* Has the server ended a connection that waits for the next message, or said something unasked? */
bool relay_is_over(const struct relay *);
/* Says goodbye; what is answered changes nothing. */
void relay_quit(struct relay *);
/* All three, for one message. */
int relay_hand_over(struct relay *, const struct relay_letter *, struct error *);

/* Inside: relay_link.c. One line, without its end, cut to what there is room for; ERROR_TEMPORARY. */
int relay_line(struct relay *, char line[RELAY_LINE_SIZE], uint64_t deadline_milliseconds, struct error *);
int relay_send(struct relay *, const char *octets, size_t size, struct error *);
