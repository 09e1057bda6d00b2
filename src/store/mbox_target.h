/*
 * An mbox that is appended to: opened, made where it is missing, locked, guarded, written, synced,
 * or cut back. mbox_append.h has what comes of it.
 */
#pragma once

#include "store/append_text.h"
#include "store/mbox_file.h"
#include "store/mbox_quote.h"
#include "store/mbox_spool.h"

#define MBOX_SENDER_MAX 256	/* how much of a sender a "From " line holds */

struct mbox_target {
	struct mbox mbox;	/* path and file alone */
	struct mbox_lock lock;
	bool locked;
	bool was_empty;		/* and perhaps made a moment ago */
	bool was_quiet;		/* append_is_quiet() */
	uint64_t size;		/* what is to stay of it */
	uint64_t limit;		/* where the guard stands behind which nothing may be written */
	struct append_text *text;
	struct mbox_quote *quote;
};

/* delivery: whose text comes first. Ended in any case with mbox_target_end(). */
int mbox_target_begin(struct mbox_target *, const char *path, const struct delivery *,
    struct error *);
/* Opens it and takes the delivery locks; an interrupted removal or append is settled. */
int mbox_target_lock(struct mbox_target *, struct error *);
/* Makes a power failure undo what is written from now on, room octets at most. */
int mbox_target_guard(struct mbox_target *, uint64_t room, struct error *);
/* One message behind the others. What a failure leaves is behind size. */
int mbox_target_write(struct mbox_target *, const struct delivery *, struct error *);
/* The same of one that is kept as it will stand there, with its sender. */
int mbox_target_write_spool(struct mbox_target *, const struct mbox_spool *, const char *sender,
    struct error *);
/* The rest of the text goes through quote, to its end. */
int mbox_target_quote(struct mbox_target *, struct error *);
/* Cuts off what stands behind size. */
int mbox_target_cut(const struct mbox_target *, struct error *);
/* Makes durable what was written, and takes the guard away. */
int mbox_target_sync(const struct mbox_target *, struct error *);
/* That the mbox is there at all. */
int mbox_target_sync_directory(const struct mbox_target *, struct error *);
/* Unlocks and closes. */
void mbox_target_end(struct mbox_target *);
