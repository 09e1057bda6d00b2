/*
 * Where collected mail goes: the user's Maildir or mbox, an LMTP or SMTP server, a command.
 *
 * A message on its way in is a parcel. It comes in pieces, as the server sends them; what it takes of
 * memory does not depend on its size. Of several at a time each is written by itself, then all are made
 * durable and shown together: target_prepare(), target_commit(). Between the two the intent is journalled
 * (state.h); parcels_settle() in settle.h is the whole dance, in the only order in which nothing is lost.
 *
 * A Maildir and an mbox are exact: after a crash, wherever it was, target_ask() finds out whether a
 * message arrived. Of the others only the answer tells: who is cut off between taking a message and
 * answering gets it twice, so these take one message at a time.
 *
 * Errors: ERROR_TEMPORARY and ERROR_FULL may pass; ERROR_PERMANENT does not until somebody repairs the
 * place; ERROR_DENIED: a server or command refused this message, others may be taken.
 *
 * Threads: one at a time for one target and its parcels.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct target;
struct parcel;
struct state_message;

struct target_settings {
	/*
	 * "maildir:PATH", "mbox:PATH", "lmtp:unix:PATH", "lmtp:HOST:PORT", "smtp:HOST:PORT",
	 * "command:TEXT" for sh -c. A path is absolute. IPv6 in brackets.
	 */
	const char *place;
	/* Of the envelope, for all but a Maildir. "" or NULL: "<>", and the caller's name at localhost. */
	const char *sender, *recipient;
	bool trace;		/* a Received line before the message */
	const char *account;	/* its name, for the Received line and for a command */
	const char *server;	/* the host that it was collected from, for the Received line; NULL: unknown */
	unsigned timeout_seconds;	/* for each answer of a server, and for a command; 0: 300 */
	size_t batch_max;	/* no more parcels together: each has a file open. 0: TARGET_BATCH_MAX */
	const char *boot_id;	/* NULL: the kernel's. For tests */
};

/* Settings are copied. Nobody is connected to, and nothing is made, before the first parcel. */
int target_open(struct target **, const struct target_settings *, struct error *);
/* NULL is fine. Its parcels must have been ended. */
void target_close(struct target *);
/* False: a message may come twice when the collecting is cut off between its taking and the answer. */
bool target_is_exact(const struct target *);
/* How many parcels at most are to be settled together: 1 where it is not exact. */
size_t target_batch_max(const struct target *);
#define TARGET_BATCH_MAX 256

/* uidl: copied, at most UIDL_OCTETS_MAX octets (state.h). */
int parcel_begin(struct parcel **, struct target *, const char *uidl, struct error *);
/* Any piece of the message, with CRLF or LF line ends as they come. After a failure only parcel_end(). */
int parcel_write(struct parcel *, const void *data, size_t size, struct error *);
/* All octets are there. */
int parcel_finish(struct parcel *, struct error *);
/* After that: a word of printable ASCII by which recovery finds out whether it arrived. */
const char *parcel_mark(const struct parcel *);
/* After that: fills uidl, octets, the digests and mark, lent until parcel_end(); the rest is 0. */
void parcel_describe(const struct parcel *, struct state_message *);
/* In any case. What was not committed leaves nothing behind. NULL is fine. */
void parcel_end(struct parcel *);
/*
 * The journal may say that it is intended, and could not be told that it did not arrive: what waits in tmp/
 * stays there after parcel_end(), so that target_ask() does not take it for arrived.
 */
void parcel_leave(struct parcel *);

/*
 * Makes finished parcels durable where nobody sees them yet: before the intent is journalled. Each has
 * its own outcome in parcel_result(); those that failed are left out of all that follows.
 */
void target_prepare(struct target *, struct parcel *const parcels[], size_t count);
/* Shows them, durably, together; those that have not been prepared are prepared first. Each its own outcome. */
void target_commit(struct target *, struct parcel *const parcels[], size_t count);
/* What became of it in the last of these two. */
int parcel_result(const struct parcel *, struct error *);
/* Where that is a failure: the place refused this one, or put it off, and may take others. */
bool parcel_failed_alone(const struct parcel *);

enum target_answer {
	TARGET_ARRIVED,		/* and is durable there */
	TARGET_NOT_ARRIVED,
	TARGET_UNKNOWN,		/* fetch it again, rather than lose it; it may then be there twice */
};

/* After a crash: did the message with this mark arrive? */
int target_ask(struct target *, const char *mark, enum target_answer *, struct error *);
/* It did not, and the journal says so, not before: removes what is left of it. Best effort. */
void target_clear(struct target *, const char *mark);
