/* How much work a hash of libxcrypt's is, read from its setting. For src/users only. */
#pragma once

#include <stdint.h>

/* Measured on a computer of 2023; only good for telling which of two takes longer. */
uint64_t cost_microseconds(const char *hash);
