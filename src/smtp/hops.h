/*
 * Where a message has been: a look at its header while it passes, to find mail that goes round in
 * circles (RFC 5321, section 6.3).
 *
 * A line ends with LF here, with or without CR, as the store will see it; folded lines are put together
 * as far as is needed. What is kept is bounded, however the header looks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "smtp/path.h"

#define HOPS_MAX 100	/* more lines of one kind than this is a loop: section 6.3 wants 100 at least */

struct hops {
	char line[16 + 2 * ADDRESS_SIZE];	/* the line so far, without the line ends in it; cut */
	size_t used;
	bool line_begun;			/* an octet of this line was seen */
	bool last_cr;
	bool over;				/* the empty line after the header was seen */
	unsigned received_count, delivered_count;
};

/*
 * "Delivered-To:" and an address, below a Received. What stands above the first of these was written by
 * whoever hands the message in, about the delivery under way: OpenSMTPD does, and Postfix before its
 * mailbox_command. Mail that goes round in circles passes an MTA, which puts a Received above all that was there.
 */
typedef void hops_delivered(void *context, const struct path *);

void hops_begin(struct hops *);
/* Looks at the next piece. delivered is called for each Delivered-To that holds an address, the first HOPS_MAX. */
void hops_add(struct hops *, const char *piece, size_t size, hops_delivered *delivered, void *context);
/* At the end of the message, which may end in its header. */
void hops_end(struct hops *, hops_delivered *delivered, void *context);
/* Were there more hops than an honest message has? */
bool hops_too_many(const struct hops *);
