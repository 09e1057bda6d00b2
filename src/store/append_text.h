/*
 * The text of a delivery as a store keeps it: the head, then the message with LF line ends. A CRLF
 * becomes LF; a CR that ends no line stays, and so does the CRLF behind another CR, for with LF
 * alone the CR before it would be taken for a part of the line's end. So what is read from the
 * store is, on the wire, what came.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/append.h"

/* Line ends on their way into a store, piece by piece. */
struct append_lines {
	bool holds_cr;		/* a CR of which is not known yet what follows */
	char before;		/* the octet before that */
};

void append_lines_begin(struct append_lines *);
/* Returns how much was filled of output: one octet more than the input at most. */
size_t append_lines_convert(struct append_lines *, const char *input, size_t size, char *output);
/* At the end: what was held back, one octet at most. */
size_t append_lines_end(struct append_lines *, char *output);

#define APPEND_TEXT_SIZE (64 * 1024)
#define APPEND_HEAD_SIZE (4 * 1024)	/* a head up to that leaves together with what is behind it */

struct append_text {
	const struct delivery *delivery;
	uint64_t offset;	/* of the message: how much was read */
	bool head_done, ended;
	struct append_lines lines;
	char input[APPEND_TEXT_SIZE];
	char output[APPEND_HEAD_SIZE + APPEND_TEXT_SIZE + 2];
};

/* It is large; the caller frees it. NULL: no memory. */
struct append_text *append_text_new(const struct delivery *, struct error *);
/* From the beginning again. */
void append_text_rewind(struct append_text *);
/* The next piece, lent until the next call. 0: that was all. */
ssize_t append_text_next(struct append_text *, const char **piece, struct error *);
/* All of it, or -1; offset is where it goes. */
int append_write(int file, const char *data, size_t size, uint64_t offset, const char *what,
    struct error *);
/* A file without a name, for a message that has to be whole first: in TMPDIR, or /tmp. Its descriptor, or -1. */
int append_spool_open(struct error *);
