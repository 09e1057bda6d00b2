/*
 * The delivery locks of an mbox: those that whoever writes the file holds while it does, as Debian's
 * policy (section 11.6) wants them. First fcntl(2) on the file, then the dot lock NAME.lock; never
 * waiting for the second with the first in hand, so that a program with another order cannot be
 * met in a deadlock. Held for a reading or a rewriting, never for a session.
 *
 * The fcntl lock is one of an open file description (F_OFD_SETLK): it conflicts with the ordinary
 * ones of other programs, but not with what other threads of this process open and close.
 *
 * In a directory where no file can be made there is no dot lock; others cannot make one either.
 * A dot lock whose holder has died is removed: after five minutes, as liblockfile does; at once if
 * it is ours, for then its maker would hold the fcntl lock, or if it is older than the boot (a power
 * failure may have left an empty one). Ours says so, or, where its maker was killed before it wrote
 * that, has the sticky bit.
 */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "base/error.h"

enum mbox_lock_kind { MBOX_LOCK_READ, MBOX_LOCK_WRITE };

struct mbox_lock {
	int file;
	const char *path;	/* lent */
	bool dotted;		/* the dot lock is held too */
};

/* How long others are waited for; tests make it short. */
extern unsigned mbox_lock_wait_milliseconds;

/* ERROR_TEMPORARY: another program has held it all the time. */
int mbox_lock_take(struct mbox_lock *, int file, const char *path, enum mbox_lock_kind,
    struct error *);
/* Without waiting: ERROR_BUSY, another program holds it. */
int mbox_lock_try(struct mbox_lock *, int file, const char *path, enum mbox_lock_kind, struct error *);
void mbox_lock_drop(struct mbox_lock *);
/* Can nobody hold a dot lock of that age any more? For mbox_lock.c and its test. */
bool mbox_lock_is_too_old(time_t modified, time_t now, time_t booted);
