/*
 * Command lines, cut out of whatever a stranger sends (RFC 1939, section 3; RFC 2449, section 4).
 *
 * A line ends with LF; one CR before it is cut off. A line of more than LINE_OCTETS_MAX octets, or
 * one that holds NUL, is reported once and skipped to its end, however long it is: what has to be
 * kept between two reads is never more than LINE_OCTETS_MAX octets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LINE_OCTETS_MAX      255	/* with CRLF: RFC 2449, section 4 */
#define SASL_LINE_OCTETS_MAX 8192	/* later lines of AUTH: RFC 5034, section 4, sets no limit */

enum line_status {
	LINE_READY,		/* *text is a line, NUL-terminated in place */
	LINE_INCOMPLETE,	/* keep the input from *consumed on and come again with more */
	LINE_TOO_LONG,		/* answer -ERR once; the line will be skipped */
	LINE_NUL,		/* a line held a NUL octet: answer -ERR */
};

struct line_reader {
	bool skipping;		/* inside a line that was reported as too long */
};

/*
 * Looks at input[0 .. size). Sets *consumed to how many octets are done with, and for LINE_READY
 * *text to the line inside input. octets_max: LINE_OCTETS_MAX or SASL_LINE_OCTETS_MAX.
 */
enum line_status line_take(struct line_reader *, char *input, size_t size, size_t octets_max,
    char **text, size_t *length, size_t *consumed);
