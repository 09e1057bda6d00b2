/*
 * Takes the UIDLs of another server over into a Maildir's restante-uidls.
 *
 * It has the lock of a session meanwhile. The index is removed before and behind it, and the
 * directories' times are set anew, so that an index that a session writes late, or that lies in
 * another directory, is not believed either. A Maildir that is a symbolic link, or whose new/, cur/
 * or list is one, is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "store/foreign_uidls.h"

struct import_source {
	const struct foreign_kind *kind;	/* NULL: the one whose file is in the Maildir */
	const char *format;			/* of Dovecot's UIDLs */
	const char *text;			/* the list itself; NULL: the kind's file in the Maildir */
	size_t size;
	bool dry_run;				/* all but the writing */
};

struct import_counts {
	size_t messages;
	size_t taken;	/* UIDLs that are new */
	size_t changed;	/* had another from the import before */
	size_t kept;	/* the same as before, or no longer in the list */
	size_t without;	/* messages that keep restante's own: clients fetch them again */
	size_t dropped;	/* UIDLs of messages that are gone */
	const struct foreign_kind *kind;
	bool written;	/* the new UIDLs are in place; set on failure, too */
};

/*
 * All or nothing, and durable once it returns 0. ERROR_BUSY: a session has the maildrop open.
 * ERROR_GONE: there is no Maildir, or no list in it. ERROR_PERMANENT: what is wrong with the list, and
 * what would have to be done.
 */
int maildir_import(const char *path, const struct import_source *, struct import_counts *,
    struct error *);
