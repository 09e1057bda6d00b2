/*
 * Reading the directories of a Maildir: which files are messages, in which order.
 */
#pragma once

#include "base/error.h"
#include "store/index.h"

enum maildir_directory { MAILDIR_NEW, MAILDIR_CUR };

#define MAILDIR_GATE "new"	/* session_lock.h */

/* "new" and "cur". */
extern const char *const maildir_directory_names[2];

/* What both directories look like now. Does not fail: what cannot be seen is like nothing else. */
void maildir_stamps(int maildir, struct index_stamp stamps[2]);
/*
 * Lists both directories of an open Maildir, sorted by time, then name, with no UIDLs but the
 * unique parts and no sizes but those that the names tell. A file that other programs rename
 * meanwhile is neither missed nor listed twice. A directory that is as known (may be NULL) has
 * recorded it is not read. Either may be missing. With more than count_max messages it fails, and
 * reads no further.
 */
int maildir_scan(int maildir, const struct index_list *known, size_t count_max, struct index_list *,
    struct error *);
/* The order of messages. */
int maildir_compare(const struct index_list *, const struct index_entry *,
    const struct index_list *, const struct index_entry *);

/*
 * Looks for the file of an entry in both directories, whatever its flags are now: the same base and
 * the same inode, for another file may have the same name. 1: found, *directory and name (with
 * flags) are set. 0: it is not there. -1: a directory cannot be read.
 */
int maildir_find(int maildir, const struct index_list *, const struct index_entry *,
    enum maildir_directory *directory, char name[256], struct error *error);
