/*
 * A message on its way in: kept once, for all its recipients. A small one waits in memory and becomes a sealed
 * memfd, or stays where it is; a big one goes to a file in the spool directory that has no name any more when
 * its first octet is written, so that nothing is left of it whatever happens. What is handed on can only be
 * read: a recipient's process cannot change what the next one gets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SPOOL_MEMORY_SIZE 65536		/* up to so much waits in memory */

struct spool {
	const char *directory;	/* lent */
	uint64_t name;		/* of the file while it has one: no two have the same at the same time */
	char *memory;
	size_t used, size;
	int file;		/* to write to; -1: none */
	int sealed;		/* to hand on, when whole (-1: memory is); before, a memfd made ready; -1: none */
	bool whole;
};

/* Removes what a process that was killed has left there. What others put there stays. */
void spool_clear(const char *directory);
/* Sets all that is said in the first two fields; allocates nothing. */
void spool_begin(struct spool *, const char *directory, uint64_t name);
/* ERROR_FULL: there is no room on the disk; ERROR_TEMPORARY. Then only spool_end() is allowed. */
int spool_put(struct spool *, const char *octets, size_t size, struct error *);
/* A message is about to come: what can be done before is done now. */
void spool_prepare(struct spool *);
/*
 * The message is whole: sealed can be handed on, or where it is no longer than copied_max (0: in no case) the
 * octets in memory. The same errors.
 */
int spool_seal(struct spool *, size_t copied_max, struct error *);
/* Forgets it. Harmless when that has been done, or when it has begun with spool_begin() alone. */
void spool_end(struct spool *);
