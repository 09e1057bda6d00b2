/* All of it, in as many pieces as the kernel takes, whatever signals come. Blocks as the descriptor does. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* -1: errno says why; part of it may have been written. */
int octets_write(int descriptor, const void *data, size_t size);
/* How many there were: fewer than size only at the end. -1: errno says why. */
ssize_t octets_read(int descriptor, void *buffer, size_t size);
