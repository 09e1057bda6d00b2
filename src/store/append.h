/*
 * Mail into a store. A delivery has two steps, so that those that are under way together share
 * what takes long, the disk: append_begin() writes the whole message to where nobody sees it yet
 * (the tmp/ of a Maildir; an mbox has no such place, there it is only looked at), append_commit()
 * makes it durable and visible.
 *
 * What is durable: when append_commit() returns 0, a power failure no longer changes the outcome.
 * When either fails, nothing is left behind, and the kind of the error tells whether a later try
 * may help (ERROR_TEMPORARY), may not (ERROR_PERMANENT), or would exceed the quota (ERROR_FULL).
 *
 * The lock of a session is not taken: mail arrives while a session is open, whose numbers do not
 * change.
 *
 * Threads: one delivery at a time in one thread; those of different threads meet in a group. The
 * first that commits leads: it shows all that wait by then for the same Maildir or mbox, syncs once
 * for all of them, and each learns its own outcome. What they do not share fails for one alone; what they do
 * (the sync of one directory, or of one mbox) fails for all that share it.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* 0: no limit, no warning. */
struct quota {
	uint64_t octets;	/* as they are stored */
	uint64_t messages;
	unsigned warning_percent;
};

/* All of it is lent until append_end(). */
struct delivery {
	const char *place;	/* "scheme:rest", as for store_open() */
	int index_directory;	/* as in store_open_with() */
	const char *sender;	/* of the envelope; "": none. Only an mbox writes it down */
	const char *head;	/* lines to put before the message, each ended by LF */
	size_t head_size;
	int message;		/* read from 0 to its end with pread; LF or CRLF as they came */
	/* It has exactly so many octets, or the delivery fails (ERROR_TEMPORARY), where that is known before. */
	uint64_t message_size;
	bool message_size_known;
	struct quota quota;
};

struct append_ops;

/* A delivery under way. */
struct append {
	const struct append_ops *ops;
	uint64_t meeting;	/* what a group of them has in common */
	/* The fuller of the two limits with this message in it; 0: there is no quota. */
	unsigned quota_percent;
	bool quota_warns;	/* with this message it passes quota.warning_percent */
	bool committed;
	/* While it commits: set by the leader. */
	struct append *next;
	bool finished;
	int result;
	struct error error;
};

/* A store's part; a row in its struct store_ops. */
struct append_ops {
	int (*begin)(struct append **, const char *path, const struct delivery *, struct error *);
	/*
	 * What need not be waited for in turn: called by the thread of each, before it meets the
	 * others. NULL: nothing.
	 */
	int (*sync)(struct append *, struct error *);
	/* All from the first to the last next; sets the result and error of each. */
	void (*commit)(struct append *first);
	/* Removes what was not committed. */
	void (*end)(struct append *);
};

struct append_leader;

/* Where the deliveries of a process meet; for as long as there are any. */
struct append_group {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct append *waiting;
	struct append_leader *leaders;
};

void append_group_begin(struct append_group *);
void append_group_end(struct append_group *);

/* An unknown scheme, or a store that takes no mail, is ERROR_PERMANENT. */
int append_begin(struct append **, const struct delivery *, struct error *);
/* Once. group: NULL where nobody else delivers. */
int append_commit(struct append *, struct append_group *group, struct error *);
/* In any case, whatever became of it. NULL is fine. */
void append_end(struct append *);

/* For the stores: fsync(2), again when it was interrupted. */
int append_sync(int file);
/* For the stores: what an error of the kernel means for a delivery. */
enum error_kind append_errno_kind(void);
/*
 * For the stores: may a message of that size come to what is there? Enters how full it becomes.
 * ERROR_FULL: it may not.
 */
int append_quota_check(struct append *, const struct quota *, uint64_t octets, uint64_t messages,
    uint64_t size, struct error *);
