/*
 * The index of an mbox: a cache beside it (".NAME.restante-index") or in a directory for indexes;
 * where neither can be written there is none, and each session reads the mbox once. Written to a
 * temporary file and renamed, never synced, never trusted when damaged: the header has a checksum
 * and so has each entry, which is checked when it is used.
 */
#pragma once

#include "store/index_place.h"
#include "store/mbox_list.h"

enum mbox_index_use {
	MBOX_INDEX_NONE,
	MBOX_INDEX_WHOLE,	/* the file has not changed */
	MBOX_INDEX_BEGINNING,	/* it has grown; what was there ends as it did */
};

/*
 * Reads the index for the mbox, which looks like the stamp now. Anything but NONE: *list is set.
 * problem is not empty where there is an index that cannot be used because it is damaged.
 */
enum mbox_index_use mbox_index_read(struct mbox_list *, const struct index_place *, int file,
    const struct mbox_stamp *now, struct error *problem);
bool mbox_entry_is_sound(const struct mbox_list *, size_t index);
int mbox_index_write(const struct mbox_list *, const struct index_place *, struct error *);
/* Where the index of the mbox at path is; index_directory as in store_open_with(). */
void mbox_index_locate(struct index_place *, const char *path, int index_directory);
/* path's directory, "/", prefix, its name, suffix. False: too long. */
bool mbox_path_beside(char *out, size_t size, const char *path, const char *prefix,
    const char *suffix);
