/* The text of a message as it stands in an mbox: no line of it looks like a "From " line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MBOX_QUOTE_SIZE (64 * 1024)

/* Writes into a file as it fills; where file is -1 it only counts. */
struct mbox_quote {
	int file;
	uint64_t offset;	/* where the buffer belongs */
	uint64_t limit;		/* which it must not pass; UINT64_MAX: there is none */
	size_t used;
	/* How far the line looks like one that must be quoted: that many '>', that much of "From ". */
	bool begins;
	uint64_t marks;
	size_t matched;
	char last;		/* the octet before; LF at the beginning */
	char buffer[MBOX_QUOTE_SIZE];
};

void mbox_quote_begin(struct mbox_quote *, int file, uint64_t offset);
/* As it is, at the beginning of a line. */
int mbox_quote_line(struct mbox_quote *, const char *text, size_t size, struct error *);
/* The next piece of a message. */
int mbox_quote_put(struct mbox_quote *, const char *text, size_t size, struct error *);
/* Ends the last line, and the message with an empty one. offset is the file's end then. */
int mbox_quote_end(struct mbox_quote *, struct error *);
/* The same without an end: all that was put as it is has been written. */
int mbox_quote_flush(struct mbox_quote *, struct error *);
