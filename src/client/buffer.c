/* See buffer.h. */

#include "client/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

size_t
buffer_used(const struct buffer *buffer)
{
	return buffer->end - buffer->begin;
}

/* Moves what there is to the front, which leaves no second copy of it. */
static void
buffer_pack(struct buffer *buffer)
{
	size_t used = buffer_used(buffer), old_end = buffer->end;

	if (buffer->begin == 0)
		return;
	memmove(buffer->octets, buffer->octets + buffer->begin, used);
	secret_wipe(buffer->octets + used, old_end - used);
	buffer->begin = 0;
	buffer->end = used;
}

bool
buffer_reserve(struct buffer *buffer, size_t room)
{
	size_t used = buffer_used(buffer), size = buffer->size < 512 ? 512 : buffer->size;
	char *octets;

	if (buffer->size - buffer->end >= room)
		return true;
	buffer_pack(buffer);
	if (buffer->size - buffer->end >= room)
		return true;
	while (size - used < room)
		size *= 2;
	octets = malloc(size);
	if (octets == NULL)
		return false;
	if (used > 0)
		memcpy(octets, buffer->octets, used);
	buffer_free(buffer);
	*buffer = (struct buffer){ octets, size, 0, used };
	return true;
}

bool
buffer_put(struct buffer *buffer, const void *data, size_t size)
{
	if (!buffer_reserve(buffer, size))
		return false;
	if (size > 0)
		memcpy(buffer->octets + buffer->end, data, size);
	buffer->end += size;
	return true;
}

void
buffer_take(struct buffer *buffer, size_t size)
{
	secret_wipe(buffer->octets + buffer->begin, size);
	buffer->begin += size;
	if (buffer->begin == buffer->end)
		buffer->begin = buffer->end = 0;
}

void
buffer_free(struct buffer *buffer)
{
	if (buffer->octets != NULL)
		secret_wipe(buffer->octets, buffer->size);
	free(buffer->octets);
	*buffer = (struct buffer){ 0 };
}
