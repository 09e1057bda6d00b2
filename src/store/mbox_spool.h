/*
 * A message that comes in pieces, on its way into an mbox: kept as it will stand there, in a file without
 * a name, since an mbox has no place for what is not whole and no lock is held meanwhile.
 */
#pragma once

#include "store/append_text.h"
#include "store/mbox_list.h"
#include "store/mbox_quote.h"

struct mbox_spool {
	int file;
	uint64_t begin, end;	/* of the text in the file, its final empty line included */
	char digest[MBOX_DIGEST_SIZE + 1];	/* the UIDL to come, without what tells equal ones apart */
	struct append_lines lines;
	struct mbox_quote quote;
};

/* In TMPDIR, or /tmp. NULL: it cannot be made. */
struct mbox_spool *mbox_spool_new(struct error *);
int mbox_spool_put(struct mbox_spool *, const char *piece, size_t size, struct error *);
/* It is whole: begin, end and digest are known. */
int mbox_spool_end(struct mbox_spool *, struct error *);
/* NULL is fine. */
void mbox_spool_free(struct mbox_spool *);
