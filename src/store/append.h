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
 * A message that comes in pieces, as a client collects it, is written as it comes, into tmp/ or, for an
 * mbox, into a file without a name: append_start(), append_put(), append_finish() stand for append_begin().
 * Who has several of them in one thread commits them together: append_settle_all(), append_commit_all().
 *
 * The lock of a session is not taken: mail arrives while a session is open, whose numbers do not
 * change.
 *
 * Threads: one delivery at a time in one thread; those of different threads meet in a group. The first that
 * commits leads: it shows all that wait by then for the same Maildir or mbox, syncs once for all of them,
 * and each learns its own outcome. What they do not share fails for one alone; what they do (the sync of one
 * directory, or of one mbox) fails for all that share it.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
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
	const char *text;	/* instead of it: message_size octets; NULL: they are in the file */
	/* It has exactly so many octets, or the delivery fails (ERROR_TEMPORARY), where that is known before. */
	uint64_t message_size;
	bool message_size_known;
	struct quota quota;
	/*
	 * Lent for the call: one for the same place that has begun and not ended, in the same thread. What it
	 * has open (the directories of a Maildir) is used again. NULL: none.
	 */
	const struct append *beside;
};

struct append_ops;

/* A delivery under way. */
struct append {
	const struct append_ops *ops;
	uint64_t meeting;	/* what a group of them has in common */
	/* The fuller of the two limits with this message in it; 0: there is no quota. */
	unsigned quota_percent;
	bool quota_warns;	/* with this message it passes quota.warning_percent */
	/* Once it is committed: for a second before, nothing else had come or gone there. */
	bool is_alone;
	bool settled, committed;
	bool stays;	/* append_leave() */
	/* While it commits: set by the leader. */
	struct append *next;
	bool finished;
	int result;		/* of the last of append_settle_all(), append_commit(), append_commit_all() */
	struct error error;
};

/* A store's part; a row in its struct store_ops. */
struct append_ops {
	int (*begin)(struct append **, const char *path, const struct delivery *, struct error *);
	/* The same in pieces; see append_start(). NULL: there is no place for what is not whole. */
	int (*start)(struct append **, const char *path, const struct delivery *, struct error *);
	int (*put)(struct append *, const char *piece, size_t size, struct error *);
	int (*finish)(struct append *, struct error *);
	const char *(*name)(const struct append *);
	/* NULL: it waits in no directory. */
	void (*waits_in)(const struct append *, dev_t *, ino_t *);
	/*
	 * What need not be waited for in turn: called by the thread of each, before it meets the
	 * others. NULL: nothing.
	 */
	int (*sync)(struct append *, struct error *);
	/* All from the first to the last next: makes durable where they wait. NULL: they wait nowhere. */
	void (*settle)(struct append *first);
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
/* For append_start(): does the place's store have one? */
bool append_takes_pieces(const char *place);
/*
 * message, message_size and message_size_known of the delivery are not looked at; its head is lent for the
 * call alone. ERROR_PERMANENT: see append_takes_pieces().
 */
int append_start(struct append **, const struct delivery *, struct error *);
/* LF or CRLF as they come. After a failure only append_end(). */
int append_put(struct append *, const char *piece, size_t size, struct error *);
/* That was all. ERROR_FULL as from append_begin(). */
int append_finish(struct append *, struct error *);
/*
 * Of one that came in pieces, before it is committed: by what it will be found again. In a Maildir the
 * unique part of its file's name (maildir_locate.h), in an mbox a digest of its text (mbox_ask.h).
 */
const char *append_name(const struct append *);
/* Device and inode of where it waits, in a store that has a directory for that (tmp/ of a Maildir); or both 0. */
void append_waits_in(const struct append *, dev_t *device, ino_t *inode);
/*
 * Deliveries of one thread, begun or finished; result and error of each are set. The first makes durable
 * what is written and where it waits, so that what is not found there any more has been committed; the
 * second commits those that have not failed, and settles only files of those that are not settled.
 */
void append_settle_all(struct append *const appends[], size_t count);
void append_commit_all(struct append *const appends[], size_t count);
/* Once. group: NULL where nobody else delivers. */
int append_commit(struct append *, struct append_group *group, struct error *);
/* In any case, whatever became of it. NULL is fine. */
void append_end(struct append *);
/*
 * What was settled and not committed stays where it waits after append_end(): somebody may have written down
 * that what is not there any more has been committed.
 */
void append_leave(struct append *);

/* For the stores: fsync(2), again when it was interrupted. */
int append_sync(int file);
/* For the stores: did what looks so not change in the last second? */
bool append_is_quiet(const struct stat *);
/* For the stores: what an error of the kernel means for a delivery. */
enum error_kind append_errno_kind(void);
/*
 * For the stores: may a message of that size come to what is there? Enters how full it becomes.
 * ERROR_FULL: it may not.
 */
int append_quota_check(struct append *, const struct quota *, uint64_t octets, uint64_t messages,
    uint64_t size, struct error *);
