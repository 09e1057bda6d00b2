/* Collects the small pieces of an index and writes them in large ones. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The file is new, so that a short write can only mean a full disk. */
struct index_output {
	int file;
	size_t used;
	bool failed;	/* something could not be written; what is put then is dropped */
	char chunk[64 * 1024];
};

/* NULL: no memory. The file stays the caller's; index_output_end() frees. */
struct index_output *index_output_begin(int file);
/* size: at most that of the chunk. */
void index_output_put(struct index_output *, const void *data, size_t size);
/* Writes the rest. 0, or -1 and errno. */
int index_output_end(struct index_output *);
