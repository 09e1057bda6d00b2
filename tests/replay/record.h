/*
 * What a program changes in a directory, written down as a list of operations. The calls come from
 * calls.c, each after it was done; record_mark() is the program's: from here on something is
 * promised.
 *
 * A directory that lies outside is no concern of the recording. At its end what was written down is
 * compared with what is there: a call that changes files and is not known here ends the test.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "replay/disk.h"

enum operation_kind {
	OPERATION_ADD,		/* an entry for a node: a new file, a directory, a link */
	OPERATION_REMOVE,
	OPERATION_RENAME,
	OPERATION_WRITE,
	OPERATION_TRUNCATE,
	OPERATION_SYNC,
	OPERATION_MARK,
};

struct operation {
	enum operation_kind kind;
	uint32_t node;
	uint32_t directory, to_directory;
	char *name, *to_name;
	bool replaces;		/* the rename's new name was taken */
	uint64_t offset, size;	/* of data; the mark */
	char *data;
	/* After it; the same for those that it does not touch. */
	struct disk_times node_times, directory_times, to_directory_times;
};

struct recording {
	struct disk initial, now;
	dev_t device;
	struct operation *operations;
	size_t count;
};

/* Everything that is there is taken for safe on disk. */
void record_begin(struct recording *, const char *directory);
void record_end(struct recording *, const char *directory);
void record_free(struct recording *);
void record_mark(struct recording *, uint64_t mark);
/* One line about an operation. */
void record_describe(const struct recording *, const struct operation *, char *line, size_t size);

bool record_exists(int directory, const char *path);
off_t record_offset(int file);
void record_created(struct recording *, int directory, const char *path);
void record_made_directory(struct recording *, int directory, const char *path);
void record_linked(struct recording *, int directory, const char *path);
void record_unlinked(struct recording *, int directory, const char *path);
void record_renamed(struct recording *, int from_directory, const char *from, int to_directory,
    const char *to);
void record_wrote(struct recording *, int file, const char *data, size_t size, off_t offset);
void record_truncated(struct recording *, int file, off_t size);
/* Is it in the directory? */
bool record_holds(struct recording *, int file);
void record_synced(struct recording *, int file);
