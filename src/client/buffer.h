/*
 * Octets on their way: put at the end, taken from the front. What was taken, and what is given up when it
 * grows, is wiped: passwords go through here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *octets;
	size_t size, begin, end;
};

/* False: no memory; the buffer is as it was. */
bool buffer_reserve(struct buffer *, size_t room);
bool buffer_put(struct buffer *, const void *data, size_t size);
size_t buffer_used(const struct buffer *);
void buffer_take(struct buffer *, size_t size);
void buffer_free(struct buffer *);
