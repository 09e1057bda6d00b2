/*
 * A store holds the messages of one maildrop.
 *
 * Who owns what: store_open() allocates, store_close() frees the store and all that it lent. The
 * UIDL that store_message() lends stays until store_close(). Every other buffer belongs to the
 * caller.
 *
 * What holds still: an open store has the maildrop's lock, and its messages keep their numbers and
 * sizes until store_close(). Should another program remove one meanwhile, reading it fails with
 * ERROR_GONE; no other message is ever handed out in its stead.
 *
 * What it costs: store_open() of a maildrop that has not changed costs the same for any number of
 * messages; that is why there is no array of them.
 *
 * What is durable: when store_remove() returns 0, a power failure no longer changes the outcome.
 *
 * Threads: one store at a time in one thread; different stores do not disturb each other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/limits.h"
#include "store/append.h"

struct message {
	uint64_t size;		/* octets on the wire: each line end CRLF, the last line ended, no dot doubled */
	const char *uidl;	/* RFC 1939, section 7: 1 to 70 characters 0x21-0x7E, never reused */
	size_t uidl_size;	/* there is no NUL behind it */
};

struct store {
	const struct store_ops *ops;
	size_t count;		/* of messages */
	uint64_t octets;	/* the sum of their sizes */
};

#define STORE_AHEAD_MAX 4

/* What came of store_learn(). */
enum learning {
	LEARNING_DONE,	/* the index tells all there is: the next session reads nothing */
	LEARNING_LATER,	/* a session has it open, or something has changed just now: in a second, perhaps */
	LEARNING_LEFT,	/* to the next session: it is too much, or cannot be done */
};
/* More is left to the next session. */
#define STORE_LEARN_COUNT_MAX  50000			/* messages */
#define STORE_LEARN_OCTETS_MAX (16 * 1024 * 1024)	/* of an mbox that would have to be read */

struct store_ops {
	const char *scheme;	/* "maildir" in "maildir:/home/anna/Maildir" */
	bool is_file;		/* the path is one file; what lies beside it is needed too */
	/* path: the place without its scheme. ERROR_BUSY: another session has it open. */
	int (*open)(struct store **, const char *path, int index_directory, struct error *);
	/* index < count. -1: what the store remembers of it is damaged; end the session. */
	int (*message)(struct store *, size_t index, struct message *, struct error *);
	/* Octets as they are stored, from offset; 0 at the end, like pread. */
	ssize_t (*read)(struct store *, size_t index, uint64_t offset, void *buffer, size_t size,
	    struct error *);
	/*
	 * All of UPDATE in one call: removes the marked messages and no others. -1 if any of them
	 * could not be removed (the others are gone); one that has vanished already is removed.
	 */
	int (*remove)(struct store *, const bool marked[], struct error *);
	/*
	 * The message will be read soon: its octets may be fetched meanwhile. Said of STORE_AHEAD_MAX
	 * messages at most that are still to be read. NULL: it makes no difference.
	 */
	void (*ahead)(struct store *, size_t index);
	/*
	 * A file that holds the message in wire form as it is (mail/wire.h), all of message.size
	 * octets and nothing else: its descriptor, which the caller closes. -1: there is none, the
	 * message must be read. NULL: there is never one.
	 */
	int (*file)(struct store *, size_t index);
	/*
	 * What the whole message really came to on the wire: the size to tell the next session; and
	 * whether it was stored in wire form.
	 */
	void (*sent)(struct store *, size_t index, uint64_t size, bool in_wire_form);
	/* Gives the lock up; afterwards only close() may be called, which writes what is remembered. */
	void (*release)(struct store *);
	void (*close)(struct store *);
	/* See store_learn(). NULL: there is nothing to learn. */
	enum learning (*learn)(const char *path, int index_directory);
	/* How mail is delivered into it (append.h), without opening it. NULL: not at all. */
	const struct append_ops *append;
};

/* The row of a place, and in *path what stands behind its scheme. NULL: an unknown scheme. */
const struct store_ops *store_ops_find(const char *place, const char **path);

/* Where the index is. */
#define STORE_INDEX_BESIDE (-1)	/* the mail */
#define STORE_INDEX_NONE   (-2)

/*
 * place: "scheme:rest". An unknown scheme is ERROR_PERMANENT. index_directory: one of the above, or
 * what index_directory_open() returned, which must stay open for as long as the store.
 */
int store_open_with(struct store **, const char *place, int index_directory, struct error *);
/* With its index beside the mail. */
int store_open(struct store **, const char *place, struct error *);
/* The directory that the store must reach, for the sandbox. -1: an unknown scheme. */
int store_root(char root[PLACE_SIZE], const char *place);
int store_message(struct store *, size_t index, struct message *, struct error *);
ssize_t store_read(struct store *, size_t index, uint64_t offset, void *buffer, size_t size,
    struct error *);
int store_remove(struct store *, const bool marked[], struct error *);
void store_ahead(struct store *, size_t index);
int store_file(struct store *, size_t index);
void store_sent(struct store *, size_t index, uint64_t size, bool in_wire_form);
void store_release(struct store *);
/*
 * Brings the index up to date after a delivery, as a session would: so the next one has nothing to read.
 * What was delivered a moment ago cannot be learnt: a change of the same tick of the clock would not show
 * (index.h). Nobody hears that the maildrop is open: a session that comes meanwhile waits (session_lock.h).
 * It waits for nobody, opens no message of a Maildir, and is bounded.
 */
enum learning store_learn(const char *place, int index_directory);
/* May take a while; call store_release() first where somebody waits. NULL is fine. */
void store_close(struct store *);
