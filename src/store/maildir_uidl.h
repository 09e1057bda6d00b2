/*
 * Which UIDL each message of a Maildir has: what it had on another server (restante-uidls), what
 * the index remembers, or its name.
 */
#pragma once

#include "base/error.h"
#include "store/index.h"
#include "store/uidl_table.h"

/*
 * Completes a list that grows, in the order of maildir_compare(). What the index remembers of its
 * messages has been put into it; known: that index, NULL if there is none. No two messages get the
 * same, and none what another had on the other server.
 */
int maildir_uidls_give(int maildir, const struct index_list *known, struct index_list *,
    struct error *);
/* The row that is meant by a message of a list; NULL: none, or it is another message's, too. */
const struct uidl_row *maildir_uidls_row(const struct uidl_table *, const struct index_list *,
    size_t index);
