/* How many messages may wait for the disk together: each holds a file open, and a process has only so many. */
#pragma once

#include <stddef.h>

/* For each of so many accounts that are at work at once; at least 1. Of RLIMIT_NOFILE as it is. */
size_t descriptors_batch(unsigned parallel);
