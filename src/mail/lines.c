/* The table, and the choice: see lines.h. */

#include "mail/lines.h"

const struct lines *const lines_table[] = {
#if defined(__x86_64__)
	&lines_avx2,
	&lines_sse2,
#elif defined(__aarch64__)
	&lines_neon,
#endif
	&lines_memchr,
	NULL,
};

const struct lines *
lines_best(void)
{
	const struct lines *const *lines = lines_table;

	while (!(*lines)->usable())
		lines++;
	return *lines;
}
