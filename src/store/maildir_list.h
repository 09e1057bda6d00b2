/* The list of a Maildir's messages: from the index as far as nothing has changed, else from the files. */
#pragma once

#include "store/index.h"

/*
 * *news: the list holds what the index in that place does not. Also on failure the list may hold
 * something that is worth remembering.
 */
int maildir_list_make(int maildir, const struct index_place *, struct index_list *, bool *news,
    struct error *);
/*
 * The same list once more, without the index: it was damaged where nobody had looked yet. -1: it
 * would not be the same, for something has changed since.
 */
int maildir_list_again(int maildir, const struct index_list *, struct index_list *anew);
