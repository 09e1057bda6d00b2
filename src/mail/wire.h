/*
 * A message as it is on the wire: every line ends with CRLF, a line that begins with a dot has it
 * doubled, and a line with a dot alone ends it (RFC 1939, section 3). Stored messages may have LF
 * or CRLF, mixed; a CR that is not before LF is an ordinary octet. A last line without an end gets
 * one: that CRLF is transmitted, so it counts in the size too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"

struct wire {
	uint64_t body_lines_left;	/* how many lines of the body may still be sent */
	bool in_body;			/* the empty line after the header was seen */
	char last;			/* the octet before what comes next; LF at the start */
	uint8_t line_octets;		/* TOP: of the line so far; 2 means two or more */
	uint64_t octets;		/* so far, without the doubling of dots */
	bool changed;			/* something was put in */
};

/* body_lines: TOP's second argument; UINT64_MAX for all. */
void wire_begin(struct wire *, uint64_t body_lines);
/*
 * Writes a piece of the stored message; the writer's buffer has room for two octets at least. False:
 * enough (TOP is satisfied, or the writer failed).
 */
bool wire_put(struct wire *, struct writer *, const char *piece, size_t size);
/* Ends the last line where it is not ended, and writes the final dot. Returns the size that was sent. */
uint64_t wire_end(struct wire *, struct writer *);
/* After wire_end(): was all that was put in wire form already? */
bool wire_was_stored_so(const struct wire *);

/* The size of a message on the wire, before dots are doubled, final line end included. */
struct wire_size {
	uint64_t octets;
	char last;
	bool changed;
};

void wire_size_begin(struct wire_size *);
void wire_size_add(struct wire_size *, const char *piece, size_t size);
uint64_t wire_size_end(const struct wire_size *);
/* Is the message in wire form as it is stored? */
bool wire_size_is_stored_so(const struct wire_size *);
