/* For who wants to know after a crash what became of a delivery into an mbox. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define MBOX_NAME_SIZE 32	/* of append_name() */

enum mbox_answer {
	MBOX_ARRIVED,		/* it is there, durably */
	MBOX_NOT_ARRIVED,
	MBOX_REWRITTEN,		/* it is not there, but another program has rewritten the mbox: it may have been */
};

/*
 * Is a message with that text (append_name()) behind the size that the mbox had before, or anywhere, if
 * the mbox has been rewritten since? What an interrupted append left is cut off first.
 */
int mbox_ask(const char *path, const char *digest, uint64_t size_before, enum mbox_answer *, struct error *);
