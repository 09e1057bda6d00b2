/* An open mbox: the file behind its path, the session's lock, and what was found in it. */
#pragma once

#include <sys/stat.h>

#include "store/mbox_list.h"
#include "store/mbox_lock.h"
#include "store/mbox_text.h"
#include "store/store.h"

struct mbox {
	struct store store;	/* first: the two share their address */
	char *path;
	int index_directory;	/* as in store_open_with() */
	int file;		/* holds the session's lock. -1: there is none */
	struct mbox_list list;	/* the session's: numbers, UIDLs, sizes */
	struct mbox_list spoiled;	/* the index that was in use and was damaged: what it lent is out */
	bool damaged;		/* that was tried to be made good */
	bool news;		/* the list holds what the index does not */
	bool learns;		/* no session, but store_learn(): it waits for no lock, and reads little */
	/* Where the messages were found again after another program moved them. */
	struct mbox_list moved;
	size_t *map;		/* index in list to index in moved; NULL: they are where they were */
	/* The message that was read last, and what the file looked like when it was found. */
	struct mbox_entry current;
	size_t current_index;	/* SIZE_MAX: none */
	struct mbox_stamp current_stamp;
	struct mbox_cursor cursor;
	struct mbox_list left;	/* what remained after a removal, for the index */
};

/* Opens it and takes the session's lock. A missing file leaves file at -1. */
int mbox_file_open(struct mbox *, struct error *);
/*
 * Takes the delivery locks of the file that is at the path now; if that is another one than before,
 * the session's lock of that one first. ERROR_GONE: nothing is there. ERROR_TEMPORARY: another
 * session was faster.
 */
int mbox_file_lock(struct mbox *, struct mbox_lock *, enum mbox_lock_kind, struct error *);
/* What the path's file looks like now; all zero if it is another or none. */
void mbox_file_stamp(const struct mbox *, struct mbox_stamp *);
/* Finds the message in the file as it is now, under the delivery locks; sets current. */
int mbox_find(struct mbox *, size_t index, struct error *);
/*
 * The entry of the session's list, as it was written. An index that is damaged behind its header is
 * made anew, where the file is still what it was of; -1: the session has to end. Takes the delivery
 * locks unless they are held.
 */
int mbox_entry_check(struct mbox *, size_t index, bool locked, struct error *);
/* The directory that an mbox is in. */
void mbox_directory(char directory[PLACE_SIZE], const char *path);
/* Is that file still the one at the path? Fills *status. */
bool mbox_file_is_at_path(int file, const char *path, struct stat *status);
/*
 * The next need of a struct mbox no more than its path and file. Reads all of the file. The delivery
 * locks are held.
 */
int mbox_read_anew(struct mbox *, struct mbox_list *, struct error *);
/*
 * What an interrupted removal left is finished, or undone, and what is there then is read. The
 * delivery locks are held, for writing.
 */
int mbox_file_settle(struct mbox *, struct mbox_list *, struct error *);
