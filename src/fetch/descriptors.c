/* See descriptors.h. */

#include "fetch/descriptors.h"

#include <sys/resource.h>

/* The program's own: the terminal, transcripts, libraries; and an account's: connection, state, directories. */
#define PROGRAM_DESCRIPTORS 64
#define ACCOUNT_DESCRIPTORS 16

size_t
descriptors_batch(unsigned parallel)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	size_t each;

	getrlimit(RLIMIT_NOFILE, &limit);
	each = limit.rlim_cur > PROGRAM_DESCRIPTORS ? (limit.rlim_cur - PROGRAM_DESCRIPTORS) / parallel : 0;
	return each > ACCOUNT_DESCRIPTORS ? each - ACCOUNT_DESCRIPTORS : 1;
}
