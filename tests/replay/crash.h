/*
 * What a disk may hold after a power failure in the middle of a recording. For every prefix of its
 * operations the states are laid down one after the other, and somebody looks at each.
 *
 * What is kept of what was not synced depends on the file system:
 *
 *	            CRASH_EXT4 (data=ordered, the     CRASH_WEAK (what POSIX leaves open)
 *	            default)
 *	entries     the first n changes, in order;    any of them; a rename between directories
 *	            a sync of anything keeps all      may have left both names; kept by a sync of
 *	            before it                         their directory alone
 *	data        each write, kept or lost (also halves); kept by a sync of that file
 *	            and by a rename over another      what is lost may leave zeros
 *	            file
 *	times       a directory's with its entries;   old, new, or as what is kept, whatever the
 *	            a file's as at the right          entries and data are
 *
 * CRASH_KILL is no power failure: the process was killed between two operations, or in the middle of a
 * write. The file system has all that was done.
 *
 * Up to 8 free choices all combinations are tried; with more, those with one lost or one kept, the
 * first n kept, and a fixed sample of the others.
 */
#pragma once

#include "replay/record.h"

enum crash_model { CRASH_EXT4, CRASH_WEAK, CRASH_KILL };

/* promised: the marks before the failure, or-ed. Not NULL: what is wrong with the state. */
typedef const char *(*crash_check)(void *context, uint64_t promised);

struct crash_result {
	size_t state_count;
	bool is_rejected;	/* it ended with a state that was found wrong */
	char story[8192];	/* what happened, what is wrong */
};

/* directory: where the states are laid down; what it holds is lost. */
void crash_replay(const struct recording *, enum crash_model, const char *directory, crash_check,
    void *context, struct crash_result *);
/*
 * The same, but nothing happens before that many operations were done, and only before a sync, a promise or
 * the end.
 */
void crash_replay_from(const struct recording *, size_t first, enum crash_model, const char *directory,
    crash_check, void *context, struct crash_result *);
