/* The files of a Maildir's messages: where they are now, and what they hold. */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/limits.h"
#include "store/index.h"

#define MAILDIR_PATH_SIZE (NAME_MAX + 8)	/* "new/NAME" */

/* The directory in which the Maildir is, whether it is there or not. */
void maildir_parent(char parent[PLACE_SIZE], const char *path);
/* "new/NAME" or "cur/NAME:2,S" as it was last seen. */
void maildir_file_path(const struct index_list *, const struct index_entry *,
    char path[MAILDIR_PATH_SIZE]);
/*
 * Opens for reading, wherever other programs have moved it. ERROR_GONE: it is nowhere. Returns the
 * descriptor.
 */
int maildir_file_open(int maildir, const struct index_list *, const struct index_entry *,
    struct error *);
/*
 * Tells a file from another and from itself before something was written into it: 16 bits of a
 * digest. Mail is not rewritten in place; should somebody do it, it must not be sent unseen.
 */
uint16_t maildir_file_stamp(const struct stat *);
/* Like pread; retried when interrupted. */
ssize_t maildir_file_read(int file, void *buffer, size_t size, uint64_t offset, struct error *);
/*
 * Removes it, wherever it is, under both names if it has two; 0 too if it is nowhere. Not durable
 * before the directory is synced.
 */
int maildir_file_remove(int maildir, const struct index_list *, const struct index_entry *,
    struct error *);

/*
 * Counts the sizes that entries of a list that grows lack, each file read once, several at a time.
 * A message that has vanished is marked INDEX_GONE. One that cannot be read keeps its place with
 * the size of its file, but is not INDEX_SIZED. -1: the machine cannot go on now.
 */
int maildir_files_count(int maildir, struct index_list *, struct error *);
