/* The list of a Maildir's messages: from the index as far as nothing has changed, else from the files. */
#pragma once

#include "store/index.h"

/* Where the index is; index_directory as in store_open_with(), maildrop for that directory. */
void maildir_index_locate(struct index_place *, int maildir, int index_directory,
    const uint8_t maildrop[INDEX_MAILDROP_SIZE]);

/*
 * *news: the list holds what the index in that place does not. Also on failure the list may hold
 * something that is worth remembering.
 */
int maildir_list_make(int maildir, const struct index_place *, struct index_list *, bool *news,
    struct error *);
/*
 * The same for the index alone: no message is opened, and no more than so many are listed; -1 where that
 * is not enough. 1: the list holds what the index does not. 0: it holds nothing, and the index all.
 */
int maildir_list_learn(int maildir, const struct index_place *, size_t count_max, struct index_list *);
/*
 * The same list once more, without the index: it was damaged where nobody had looked yet. -1: it
 * would not be the same, for something has changed since.
 */
int maildir_list_again(int maildir, const struct index_list *, struct index_list *anew);
