/* The form of an mbox's index on disk; for mbox_index.c and what tests it alone. */
#pragma once

#include "store/index_place.h"
#include "store/mbox_list.h"

#define MBOX_INDEX_MAGIC      "restmbox"
#define MBOX_INDEX_VERSION    2
#define MBOX_INDEX_BYTE_ORDER 0x01020304u

/* The entries follow; no more and no less. */
struct mbox_index_header {
	char magic[8];
	uint32_t version, byte_order, header_size, entry_size;
	uint64_t count, octets, end, seen_from;
	struct mbox_stamp stamp;
	uint64_t tail;		/* digest of what stands before end */
	uint8_t maildrop[INDEX_MAILDROP_SIZE];	/* struct index_place */
	uint64_t checksum;	/* of the header before it */
};
