/*
 * Command lines, cut out of what the client sends (RFC 5321, sections 2.3.7 and 2.3.8).
 *
 * A line ends with CRLF and with nothing else. One that holds a bare LF, a bare CR or NUL, or has more than
 * LINE_OCTETS_MAX octets, is reported once and skipped to its CRLF: what stands behind a bare LF is
 * never taken for a command. What has to be kept between two reads is never more than LINE_OCTETS_MAX octets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LINE_OCTETS_MAX 2048	/* with CRLF; 512 and what the extensions add (RFC 5321, section 4.5.3.1) */

enum line_status {
	LINE_READY,
	LINE_INCOMPLETE,	/* keep the input from *consumed on and come again with more */
	LINE_TOO_LONG,
	LINE_BARE,		/* a bare CR or LF */
	LINE_NUL,
};

struct line_reader {
	bool skipping;		/* inside a line that has been reported */
	bool last_cr;		/* the last octet that was skipped was a CR */
};

/*
 * Looks at input[0 .. size). Sets *consumed to how many octets are done with, and for LINE_READY
 * *text and *length to the line inside input, without its end.
 */
enum line_status line_take(struct line_reader *, const char *input, size_t size, const char **text,
    size_t *length, size_t *consumed);
