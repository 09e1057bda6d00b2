/*
 * Where the index of a maildrop lies: beside the mail, or in a directory of its own for mail beside
 * which nothing can be written.
 *
 * Such a directory belongs to one uid alone (it is made by the parent). In it an index is named by
 * the SHA-256 of its maildrop's place, and says inside which maildrop it is of: one that was
 * renamed or copied to another's name is not used.
 *
 * An index is written to a temporary file and renamed. What is wrong with one is logged, but not at
 * each poll.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

#define INDEX_MAILDROP_SIZE 32
#define INDEX_PLACE_SIZE    (PLACE_SIZE + 32)

struct index_place {
	int directory;		/* lent; AT_FDCWD where the name is a path */
	char name[INDEX_PLACE_SIZE];	/* "": there is no place for one */
	uint8_t maildrop[INDEX_MAILDROP_SIZE];	/* what must stand inside */
};

/*
 * Opens the directory for the indexes of this process. It must belong to who runs it, and nobody
 * else may write in it. Returns the descriptor.
 */
int index_directory_open(const char *path, struct error *);

void index_maildrop_digest(uint8_t maildrop[INDEX_MAILDROP_SIZE], const char *scheme,
    const char *path);
void index_place_none(struct index_place *);
/* Its name tells whose it is: maildrop is all zero. A name that is too long is no place. */
void index_place_beside(struct index_place *, int directory, const char *name);
void index_place_apart(struct index_place *, int directory,
    const uint8_t maildrop[INDEX_MAILDROP_SIZE]);

/* For reading. -1 and errno; ENOENT also where there is no place. */
int index_place_open(const struct index_place *);
/*
 * A new file for an index, which index_place_commit() puts into its place, or index_place_abandon()
 * removes. -1 and errno; EEXIST: another session writes one now, let that one win.
 */
int index_place_create(const struct index_place *);
int index_place_commit(const struct index_place *);
void index_place_abandon(const struct index_place *);
/* The index that is in its place is of no use. */
void index_place_remove(const struct index_place *);

/* The index is not used: a line for each file, not for each session. */
void index_tell_ignored(const struct index_place *, const struct error *);
/* No index was written: a line for each reason. */
void index_tell_not_written(const struct error *);
