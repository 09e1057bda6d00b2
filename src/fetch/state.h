/*
 * What is known of the messages of an account: one file for each, DIRECTORY/ACCOUNT, an append-only
 * journal of checksummed lines. A function that changes it returns 0 when the change is on the disk.
 *
 * A crash in the middle of a change leaves the change away, or a beginning of it. Anything else that is
 * wrong with the file is an error (ERROR_PERMANENT) that says what to do: a state that is silently forgotten
 * would have all mail fetched once more.
 *
 * After a change has failed nothing more can be changed until the state is opened again: whether it reached
 * the disk is not known.
 *
 * What is lent (UIDLs, marks, messages) stays until state_close(), but the fields of a message change
 * with the state. Threads: one at a time for one state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define UIDL_OCTETS_MAX 1056	/* a server's, and " (2)" behind it (survey.h); any octets but controls */
#define MARK_OCTETS_MAX 512
#define STATE_KEY_OCTETS_MAX   64
#define STATE_VALUE_OCTETS_MAX 1024

struct state;

struct state_message {
	const char *uidl;
	int64_t stored_time;	/* seconds since 1970: when it was stored or skipped, before that intended */
	uint64_t octets;	/* as received, CRLF line ends; 0: unknown */
	uint8_t message_id_digest[16], header_digest[16];	/* match.h; all 0: unknown */
	const char *mark;	/* of the target, while it is intended; else "" */
	int64_t absent_time;	/* since when the server does not list it; 0: it does */
	bool is_intended;	/* it was about to be stored, and what became of it is not known */
	bool is_stored;		/* in the target, or skipped on purpose */
	bool is_skipped;
	bool is_deleted;	/* DELE, and QUIT was answered */
};

/*
 * Makes the directory (mode 0700) and the file (0600) where they are missing, and locks the account:
 * ERROR_BUSY if another has it. read_only: no lock, nothing is made or changed, what is missing is empty.
 */
int state_open(struct state **, const char *directory, const char *account, bool read_only,
    struct error *);
/* NULL is fine. */
void state_close(struct state *);

/* NULL: unknown. */
const struct state_message *state_find(const struct state *, const char *uidl);
/* All that are known: for (m = state_next(s, NULL); m != NULL; m = state_next(s, m)). */
const struct state_message *state_next(const struct state *, const struct state_message *);
size_t state_count(const struct state *);	/* of those */
size_t state_intended_count(const struct state *);

/*
 * Each is one write and one sync for all messages. A stored_time of 0 becomes now. Only the fields named
 * are looked at.
 */
/* Before target_commit(): uidl, octets, digests, mark. */
int state_intend(struct state *, const struct state_message *const[], size_t count, struct error *);
/*
 * Before DELE: uidl of what was intended, which keeps what it had then; octets, digests, stored_time and
 * is_skipped of what was not.
 */
int state_stored(struct state *, const struct state_message *const[], size_t count, struct error *);
/* What was intended has not arrived: uidl, which becomes unknown (or stored, if it was stored before). */
int state_not_stored(struct state *, const struct state_message *const[], size_t count, struct error *);
/* QUIT was answered: uidl. */
int state_deleted(struct state *, const struct state_message *const[], size_t count, struct error *);

/* A message that is known by another UIDL now. */
struct state_move {
	const char *old_uidl, *new_uidl;
};
int state_moved(struct state *, const struct state_move[], size_t count, struct error *);

/*
 * The server's list, whole: state_list_begin(), state_list_add() for each (returns what is known of it,
 * NULL: nothing), state_list_end(). What was deleted and is no longer listed is forgotten; what
 * is missing otherwise is forgotten after keep_seconds, so that a list that was wrong once does no harm.
 */
void state_list_begin(struct state *);
const struct state_message *state_list_add(struct state *, const char *uidl);
int state_list_end(struct state *, int64_t now, int64_t keep_seconds, struct error *);

/* Account-wide values: a key is a word, a value any text without controls. "" where there is none. */
const char *state_value(const struct state *, const char *key);
int state_value_set(struct state *, const char *key, const char *value, struct error *);

/* Forgets all but the values (--refetch). */
int state_forget_all(struct state *, struct error *);
/* Rewrites the journal when it has grown much larger than what it says. */
int state_compact_if_due(struct state *, struct error *);
int state_compact(struct state *, struct error *);
