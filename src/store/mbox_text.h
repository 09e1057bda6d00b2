/* What of a message is handed out: its text without the header lines that mbox_line.h hides. */
#pragma once

#include <sys/types.h>

#include "store/mbox_list.h"

/* Where the last reading of a header ended, so that the next one need not begin at its beginning. */
struct mbox_cursor {
	uint64_t offset;	/* what was handed out */
	uint64_t stored;	/* where that is in the file; 0: nowhere */
	bool begins, hides;	/* a line begins there; the header line is a hidden one */
};

/* As store_read(). cursor: all zero when the entry is another than last time. */
ssize_t mbox_text_read(int file, const struct mbox_entry *, struct mbox_cursor *, uint64_t offset,
    void *buffer, size_t size, struct error *);
