/* See index_output.h. */

#include "store/index_output.h"

#include <stdlib.h>
#include <string.h>

#include "base/octets.h"

struct index_output *
index_output_begin(int file)
{
	struct index_output *output = malloc(sizeof(*output));

	if (output == NULL)
		return NULL;
	output->file = file;
	output->used = 0;
	output->failed = false;
	return output;
}

static void
output_flush(struct index_output *output)
{
	output->failed = output->failed || octets_write(output->file, output->chunk, output->used) != 0;
	output->used = 0;
}

void
index_output_put(struct index_output *output, const void *data, size_t size)
{
	if (size > sizeof(output->chunk) - output->used)
		output_flush(output);
	memcpy(output->chunk + output->used, data, size);
	output->used += size;
}

int
index_output_end(struct index_output *output)
{
	int result;

	output_flush(output);
	result = output->failed ? -1 : 0;
	free(output);
	return result;
}
