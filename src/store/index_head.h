/* What every index file begins with, whatever it is an index of. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define INDEX_BYTE_ORDER 0x01020304u

struct index_head {
	char magic[8];		/* not NUL-terminated */
	uint32_t version;
	uint32_t byte_order;	/* INDEX_BYTE_ORDER, as this machine stores it */
	uint32_t header_size, entry_size;
};

/* NULL: it is as it has to be; or what is wrong with it. file_size: octets that can be read. */
const char *index_head_problem(const struct index_head *, const struct index_head *right, size_t file_size);
