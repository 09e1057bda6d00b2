/* Secrets: wiped after their last use, compared without telling where they differ. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Overwrites memory; the compiler cannot leave it out. */
void secret_wipe(void *memory, size_t size);
/* Takes the same time wherever the first difference is. */
bool secret_equal(const void *a, const void *b, size_t size);
