/* Finding the messages in an mbox: one pass over the file, in a buffer of fixed size. */
#pragma once

#include "store/mbox_list.h"

/*
 * Appends the messages of the file from offset from (0, or where a "From " line begins) up to end.
 * What stands before the first "From " line is no message: it is left alone. Content-Length is not
 * believed. An unfinished removal is reported in list->journal, and the list is good for nothing
 * then. ERROR_PERMANENT: there is text, but no "From " line.
 */
int mbox_scan(int file, uint64_t from, uint64_t end, struct mbox_list *, struct error *);
/* The one message whose "From " line is at from. 1: *entry is set. 0: there is none. */
int mbox_scan_one(int file, uint64_t from, uint64_t end, struct mbox_entry *entry, struct error *);
/* A digest of the last octets before end. */
int mbox_tail_digest(int file, uint64_t end, uint64_t *digest, struct error *);
/* All of [offset, offset + size) or -1. */
int mbox_read_all(int file, uint64_t offset, void *buffer, size_t size, struct error *);
