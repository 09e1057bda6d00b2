/* Places of maildrops, as they are told apart in one process. */
#pragma once

#include <stdint.h>

/* Never 0. */
uint64_t place_hash(const char *place);
