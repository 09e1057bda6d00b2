/*
 * The way over the server: one message for one recipient, handed to restante-lmtp on its Unix socket
 * (RFC 2033). relay_link.c is lines and time-outs, relay.c what is said.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "smtp/path.h"

#define RELAY_TIMEOUT_SECONDS 600	/* what the last answer may take: RFC 5321, section 4.5.3.2.6 */
#define RELAY_LINE_SIZE       1024	/* what is kept of a line of a reply */

struct relay {
	int socket;
	unsigned timeout_seconds;	/* for each answer, and for each wait until something can be sent */
	char input[4096];
	size_t used, taken;
};

struct relay_letter {
	const struct path *sender, *recipient;
	int message;			/* a file; read from its start */
};

/* Connects; all failures are ERROR_TEMPORARY. Blocks until there is room in the socket's queue. */
int relay_open(struct relay *, const char *path, unsigned timeout_seconds, struct error *);
/*
 * Hands the message over: the exit status for what the server said last, and what that was, in the
 * error. A message whose last answer was lost may have been delivered: it is EX_TEMPFAIL then, since
 * mail that comes twice is better than none.
 */
int relay_hand_over(struct relay *, const struct relay_letter *, struct error *);
void relay_close(struct relay *);

/* Inside: relay_link.c. One line, without its end, cut to what there is room for; ERROR_TEMPORARY. */
int relay_line(struct relay *, char line[RELAY_LINE_SIZE], uint64_t deadline_milliseconds, struct error *);
int relay_send(struct relay *, const char *octets, size_t size, struct error *);
