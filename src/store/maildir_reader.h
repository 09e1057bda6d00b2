/*
 * The files of a Maildir's messages that are open at the moment: of the one that is read, and of
 * some that will be read soon. All indices are those of sound entries.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "store/index.h"
#include "store/store.h"

struct maildir_reader {
	const int *maildir;		/* lent */
	const struct index_list *list;	/* lent */
	int file;			/* -1: none */
	size_t index;			/* of the message that is or was read last */
	uint16_t stamp;			/* of its file; 0: nobody has looked */
	struct {
		size_t index;
		int file;
	} ahead[STORE_AHEAD_MAX];
	size_t ahead_count;
};

void maildir_reader_begin(struct maildir_reader *, const int *maildir, const struct index_list *);
void maildir_reader_end(struct maildir_reader *);
/* As in struct store_ops. A file that was read to its end is closed. */
ssize_t maildir_reader_read(struct maildir_reader *, size_t index, uint64_t offset, void *buffer,
    size_t size, struct error *);
int maildir_reader_file(struct maildir_reader *, size_t index);
void maildir_reader_ahead(struct maildir_reader *, size_t index);
/* maildir_file_stamp() of the message, if it was read last and there was something to learn; or 0. */
uint16_t maildir_reader_stamp(const struct maildir_reader *, size_t index);
