/* Two servers' listings of one maildrop: what a client that knows the one sees at the other. */
#pragma once

#include "base/error.h"
#include "ctl/pop_listing.h"

/*
 * Prints it. 1: no client notices anything; 0: some would fetch again, or miss something; -1: no
 * memory.
 */
int pop_compare(const struct pop_listing *there, const struct pop_listing *here, struct error *);
