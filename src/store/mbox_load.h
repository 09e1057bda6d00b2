/* The list of an mbox's messages: from its index as far as nothing has changed, else from the text. */
#pragma once

#include "store/mbox_file.h"

/*
 * Opens the mbox that the path names, takes the session's lock, and makes the list. What an interrupted
 * removal left is finished or undone before; whoever only learns leaves that to a session.
 */
int mbox_load(struct mbox *, struct error *);
/* The list is written down. It is a cache: a failure is logged, no more. */
int mbox_remember(struct mbox *, const struct mbox_list *);
