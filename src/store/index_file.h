/* The form of the index on disk; for index_file.c and its test alone. */
#pragma once

#include "store/index.h"
#include "store/index_head.h"

struct index_header {
	struct index_head head;
	uint64_t count, texts_size, octets;
	struct index_stamp stamps[2];
	uint8_t maildrop[INDEX_MAILDROP_SIZE];	/* struct index_place */
	uint64_t checksum;	/* of the header before it */
};

extern const struct index_head index_file_head;	/* the right one */
