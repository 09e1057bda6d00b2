/*
 * Delivery into an mbox: appended under both delivery locks, which are held for the writing and its
 * syncs; deliveries to the same mbox that are under way together share them. A journal
 * (mbox_journal.h) guards the append, so that a power failure leaves all of it or nothing: that takes
 * three syncs. A "From " line of
 * the text, with any number of '>' before it, gets one '>' more (mboxrd). An interrupted removal is
 * settled first, as a session does. A missing file is made, readable for its owner alone.
 *
 * What fails is cut off again; an mbox that was made for it stays, empty.
 */
#pragma once

#include "store/append.h"

extern const struct append_ops mbox_append_ops;
