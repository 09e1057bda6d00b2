/*
 * Removing messages from an mbox in place, and appending some, so that a crash at any point leaves
 * the old content or the new one.
 *
 * Where no file can be made beside the mbox (Debian's /var/mail belongs to the group mail), there
 * is one place left for a journal: the end of the mbox itself. Let a be where the first removed
 * message begins, and N what is kept of the file from there on. The steps, each durable (fsync)
 * before the next:
 *
 *	1. the file grows, by NULs, to hold the journal
 *	2. a header is written there: old size, a, size of N
 *	3. N, and behind it the SHA-256 of header and N: from here on the new content is certain
 *	4. N is copied to a
 *	5. the file is cut behind it
 *
 * What the next open finds, and does: after 1 NULs, after 2 a header whose N is not whole: cuts
 * them off, the old content is untouched. After 3 and 4: copies (again) and cuts.
 *
 * Between a crash and the next open mail may be delivered: it lies behind the journal, for the file
 * has its whole extent before the header exists. It is kept: what lies before it is then taken out
 * as if it were a message, with a second journal behind that mail. Of several journals the last
 * one counts, because whatever came before it lay still when it was written.
 *
 * Where N is empty (all from a on is removed) cutting the file is all there is to do.
 *
 * Mail that is appended by us has a journal too, so that a crash leaves all of it or nothing. It is a
 * header alone, behind the room for the mail; a is the old size then, and N the size of that room:
 *
 *	1. the header is written, and the file grows with it
 *	2. the mail is written before it
 *	3. the file is cut behind the mail
 *
 * What the next open finds after 1 and 2 it cuts off, all that lies behind the old size. The header
 * ends where the journal ends: where it can be seen, the file has its whole extent.
 *
 * Other programs: all happens under the delivery locks. One that opens the file between a crash
 * and our next open sees messages that begin with the line below, and some messages twice; none is
 * missing. If it rewrites the file, the journal is no longer where its header says and stays what
 * that program took it for: messages. No sender can forge a journal: its first line has an empty
 * sender, which Postfix and Exim write as MAILER-DAEMON, in a body they put '>' before such a line,
 * and the header names the inode and its own place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mbox_journal {
	uint64_t size;	/* of the file before it; here it begins */
	uint64_t begin;	/* a */
	uint64_t kept;	/* the size of N */
	uint64_t data;	/* where N is */
	uint64_t end;	/* of the journal; 0: there is none */
	bool certain;	/* step 3 was reached */
};

/* Part of a file. */
struct mbox_range {
	uint64_t begin, end;
};

/* Is the "From " line at offset that of a journal, whole or not? */
bool mbox_journal_find(int file, uint64_t offset, uint64_t end, struct mbox_journal *);
/*
 * Does the file end as one with a journal does? A look at its last octets; behind a journal that mail
 * lies behind more mail may come.
 */
bool mbox_journal_ends(int file, uint64_t size);
/*
 * Step 1 of an append to a file of that size. What fails, and step 3, is the caller's to cut: behind
 * what it has written and synced, or at that size.
 */
int mbox_journal_guard(int file, uint64_t size, uint64_t room, struct error *);
/* Finishes or undoes it. There may be an earlier one then: look again. */
int mbox_journal_settle(int file, const struct mbox_journal *, struct error *);
/* Removes the ranges (ascending, not empty) from the file, which has that size. */
int mbox_journal_remove(int file, uint64_t size, const struct mbox_range removed[], size_t count,
    struct error *);
