/* The form of an mbox's index on disk; for mbox_index.c and what tests it alone. */
#pragma once

#include "store/index_head.h"
#include "store/index_place.h"
#include "store/mbox_list.h"

/* The entries follow; no more and no less. */
struct mbox_index_header {
	struct index_head head;
	uint64_t count, octets, end, seen_from;
	struct mbox_stamp stamp;
	uint64_t tail;		/* digest of what stands before end */
	uint8_t maildrop[INDEX_MAILDROP_SIZE];	/* struct index_place */
	uint64_t checksum;	/* of the header before it */
};

extern const struct index_head mbox_index_head;	/* the right one */
