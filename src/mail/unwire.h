/*
 * A message off the wire, as a stream: the line with a dot alone that ends it is found wherever the
 * octets are cut, and doubled dots are undone (RFC 1939, section 3). What comes out are pieces of the
 * input, not copies.
 *
 * Only what the server uses for a line end is one: where it ends its lines with CRLF, an LF alone is an
 * ordinary octet, so that "\n.\n" inside a message neither ends it nor loses its dot. Where the server
 * ends even its replies with LF, LF is a line end, with or without CR.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum unwire_status {
	UNWIRE_MORE,	/* all of the input is done with; there is more to come */
	UNWIRE_PIECE,	/* *piece, *piece_size: some of the message, not empty */
	UNWIRE_END,	/* the message is whole; *input is behind its final dot */
};

enum unwire_state {
	UNWIRE_START,	/* of a line */
	UNWIRE_TEXT,
	UNWIRE_DOT,	/* a dot at the start of a line was taken off and not given out */
	UNWIRE_DOT_CR,	/* and a CR behind it */
};

struct unwire {
	enum unwire_state state;
	bool lf_only;
	bool is_behind_cr;	/* what was given out last is a CR */
};

void unwire_begin(struct unwire *, bool lf_only);
/* Moves *input and *input_size on. The piece is inside the input, or is static. */
enum unwire_status unwire_take(struct unwire *, const char **input, size_t *input_size, const char **piece,
    size_t *piece_size);
