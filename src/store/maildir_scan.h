/*
 * Reading the directories of a Maildir: which files are messages, in which order.
 *
 * The list lives in two blocks, one of entries and one of their names, so that a parked session
 * costs little more than its names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum maildir_directory { MAILDIR_NEW, MAILDIR_CUR };

struct maildir_file {
	uint64_t inode;
	uint64_t time;
	uint64_t wire_size;
	uint32_t name;		/* offset in names: the base, NUL, the flags from the colon on, NUL */
	uint32_t base_size;
	uint16_t unique_size;
	uint8_t directory;	/* enum maildir_directory */
	bool has_wire_size;
};

struct maildir_list {
	struct maildir_file *files;
	size_t count, capacity;
	char *names;
	size_t names_size, names_capacity;
};

/*
 * Lists both directories of an open Maildir, sorted by time, then name. A file that other programs
 * rename meanwhile is neither missed nor listed twice. One of the directories may be missing.
 */
int maildir_scan(int maildir, struct maildir_list *, struct error *);
void maildir_list_free(struct maildir_list *);

/*
 * Looks for the file with that base in both directories, whatever its flags are now. 1: found,
 * *directory and name (with flags) are set. 0: it is not there. -1: a directory cannot be read.
 */
int maildir_find(int maildir, const char *base, size_t base_size,
    enum maildir_directory *directory, char name[256], struct error *);
