/*
 * The index: a cache beside the mail, never the truth. It remembers of each message its name, UIDL
 * and size on the wire, and of the directories what they looked like, so that a maildrop that has
 * not changed is opened without reading a directory or a message.
 *
 * One file, written to a temporary one and renamed, never synced: losing it loses only work. The
 * header has a checksum and so has each entry; an entry is checked when it is used, so that opening
 * costs the same for any number of messages. A file that is damaged, cut, of another version, byte
 * order or maildrop is not used.
 *
 * In memory a list has the same form, whether it was read from the file or made anew.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/limits.h"
#include "store/index_place.h"

#define INDEX_NAME "restante-index"

/* What a directory looked like when it was read. All zero: it was not there. */
struct index_stamp {
	uint64_t inode;
	int64_t modified_seconds, changed_seconds;
	uint32_t modified_nanoseconds, changed_nanoseconds;
	/*
	 * The last change was older than the clock is coarse when reading began: a later change must
	 * show. Otherwise the stamp proves nothing (git calls it racy).
	 */
	uint64_t settled;
};

enum index_flag {
	INDEX_SIZED = 1,	/* wire_size was counted, or the name told it */
	INDEX_COUNTED = 2,	/* it was counted: the name's word is no longer needed */
	INDEX_GONE = 4,		/* it vanished while it was looked at; never written */
	INDEX_DOUBLE = 8,	/* it was met under two names */
	INDEX_WIRE_FORM = 16,	/* the file with that stamp holds wire_size octets, in wire form */
};

struct index_entry {
	uint64_t checksum;	/* of what follows and of the texts */
	uint64_t time;
	uint64_t wire_size;
	uint64_t inode;
	uint32_t name;		/* offset of the texts: base, NUL, flags from the colon on, NUL, UIDL, NUL */
	uint16_t base_size, flags_size;
	uint16_t unique_size;	/* how much of the base is the UIDL, where no other is given */
	uint8_t uidl_size;
	uint8_t directory;
	uint8_t flags;		/* enum index_flag */
	uint8_t unseen;		/* readings of the directories since it was met; 0 in the file */
	uint16_t stamp;		/* maildir_file_stamp(), where INDEX_WIRE_FORM is set */
};

struct index_list {
	const struct index_entry *entries;
	size_t count;
	const char *texts;
	size_t texts_size;
	uint64_t octets;
	struct index_stamp stamps[2];	/* new/ and cur/ */
	/* Where entries and texts live: one block, read or mapped, or two that grow. */
	void *block;
	size_t block_size;
	bool mapped;
	/* The block is still to be mapped, from this file; count, octets and stamps are known. */
	bool unread;
	int file;
	struct index_entry *grown;
	char *grown_texts;
	size_t capacity, texts_capacity;
};

/* status NULL: the directory is not there. now: the time just before it was read. */
void index_stamp_make(struct index_stamp *, const struct stat *status, const struct timespec *now);
/* Both were settled and are the same: nothing has changed between them. */
bool index_stamp_same(const struct index_stamp *recorded, const struct index_stamp *now);

/* The UIDL that was given with index_append() or index_set_uidl(), or "". */
const char *index_own_uidl(const struct index_list *, const struct index_entry *);

/*
 * Reads the index in that place, made for a maildrop with these directories now (of which one at
 * least must be the same inode). 1: *list is filled (free it with index_free()). 0: there is none.
 * -1: there is one that cannot be used, and why. Of a large one the entries are left for index_map().
 */
int index_read(struct index_list *, const struct index_place *, const struct index_stamp now[2],
    struct error *);
/*
 * Has the entries mapped, if they are not there: undoing it costs more than all else that is done for
 * a session which does not look at them. False: they cannot be had.
 */
bool index_map(struct index_list *);
/* Is the entry whole, as it was written? Lists that were made in memory need not ask. */
bool index_entry_sound(const struct index_list *, size_t index);
const char *index_base(const struct index_list *, const struct index_entry *);
const char *index_flags(const struct index_list *, const struct index_entry *);
/* Not NUL-terminated: *size octets. */
const char *index_uidl(const struct index_list *, const struct index_entry *, size_t *size);

/* Appends to a list that grows. -1: no memory. */
int index_append(struct index_list *, const struct index_entry *, const char *base,
    size_t base_size, const char *flags, const char *uidl);
/* Gives an entry of a list that grows a UIDL of its own. -1: no memory. */
int index_set_uidl(struct index_list *, size_t index, const char *uidl);
/* Gives back what growing left over. */
void index_shrink(struct index_list *);
/*
 * Writes the list with its stamps, without the marked entries (NULL: all); nothing if one is
 * damaged, or where there is no place.
 */
int index_write(const struct index_list *, const bool without[], const struct index_place *,
    struct error *);
void index_free(struct index_list *);
