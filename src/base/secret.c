/* See secret.h. */

#include "base/secret.h"

#include <string.h>

void
secret_wipe(void *memory, size_t size)
{
	explicit_bzero(memory, size);
}

bool
secret_equal(const void *a, const void *b, size_t size)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char difference = 0;

	for (size_t i = 0; i < size; i++)
		difference |= (unsigned char)(x[i] ^ y[i]);
	return difference == 0;
}
