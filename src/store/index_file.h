/* The form of the index on disk; for index_file.c and its test alone. */
#pragma once

#include "store/index.h"

#define INDEX_MAGIC      "restante"
#define INDEX_VERSION    3
#define INDEX_BYTE_ORDER 0x01020304u

struct index_header {
	char magic[8];
	uint32_t version, byte_order;
	uint32_t header_size, entry_size;
	uint64_t count, texts_size, octets;
	struct index_stamp stamps[2];
	uint8_t maildrop[INDEX_MAILDROP_SIZE];	/* struct index_place */
	uint64_t checksum;	/* of the header before it */
};
