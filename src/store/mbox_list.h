/*
 * The messages of an mbox: where each lies in the file, what it comes to on the wire, its UIDL.
 *
 * A message is handed out without its "From " line, without the empty line that ends it in the
 * file, and without the header lines in which other programs keep notes (mbox_line.h). So what a
 * client sees, its size and its UIDL stay the same when a program that shares the file rewrites
 * it. The UIDL is half of the SHA-256, in hexadecimal, of exactly that, with line ends as LF.
 * Messages that are the same octet by octet get ".2", ".3"... in their order: when the first goes,
 * the second takes its UIDL, and a client that has seen that UIDL has seen this text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/index.h"
#include "store/mbox_journal.h"

#define MBOX_DIGEST_SIZE 32	/* of a UIDL: how many characters are the digest */

struct mbox_entry {
	uint64_t checksum;	/* of what follows; in an index alone */
	uint64_t from;		/* offset of the "From " line */
	uint64_t text;		/* offset of the header */
	uint64_t head_size;	/* with the empty line that ends it */
	uint64_t hidden_size;	/* how much of the header is not handed out */
	uint64_t body_size;	/* without the empty line that ends the message */
	uint64_t end;		/* where the next one begins, or the file ends */
	uint64_t wire_size;
	uint32_t uidl_size;
	char uidl[44];
};

/* What the file looked like. */
struct mbox_stamp {
	struct index_stamp file;
	uint64_t size;
};

struct mbox_list {
	const struct mbox_entry *entries;
	size_t count;
	uint64_t octets;
	uint64_t end;		/* how much of the file was looked at */
	uint64_t tail;		/* a digest of what stands before that */
	struct mbox_stamp stamp;
	/*
	 * Messages from this index on were seen while the file looked as the stamp says; what comes
	 * before was taken from an index, and mail was appended since.
	 */
	size_t seen_from;
	struct mbox_entry *grown;	/* where the entries live, or in what is mapped */
	size_t capacity;
	void *map;
	size_t map_size;
	/* The rest of a removal that was not finished; journal.end is 0 where there is none. */
	struct mbox_journal journal;
};

/* Both looked the same; a change in the same tick of the clock as the last one does not show. */
bool mbox_stamp_same(const struct mbox_stamp *, const struct mbox_stamp *);
/* -1: no memory. */
int mbox_list_append(struct mbox_list *, const struct mbox_entry *);
/* Numbers equal messages, and adds the sizes up. -1: no memory. */
int mbox_list_complete(struct mbox_list *);
bool mbox_entry_same_text(const struct mbox_entry *, const struct mbox_entry *);

/* What a message of one list is in another. */
#define MBOX_GONE     SIZE_MAX
#define MBOX_DOUBTFUL (SIZE_MAX - 1)	/* one of several equal ones, of which some are gone */
/* map[i]: the index in now of the message i of then. -1: no memory. */
int mbox_list_map(const struct mbox_list *then, const struct mbox_list *now, size_t map[]);
void mbox_list_free(struct mbox_list *);
