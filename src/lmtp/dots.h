/*
 * The message behind DATA (RFC 5321, sections 4.1.1.4 and 4.5.2): dots that were put in are taken out, and
 * its end is found.
 *
 * A line begins behind CRLF and nothing else, and the end is a line with a dot alone and CRLF behind it. LF or
 * CR alone are octets like others, so no other sequence ends a message, however the octets are cut: what one
 * server takes for the end and another does not is how a second message is smuggled in. Lines may have any length.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum dots_place {
	DOTS_TEXT,
	DOTS_DOT,	/* behind the dot at the start of a line */
	DOTS_CR,	/* behind such a dot and CR */
	DOTS_END,
};

struct dots {
	enum dots_place place;
	char before[2];		/* the last two octets as they came; CRLF where a message begins */
};

void dots_begin(struct dots *);
/*
 * Looks at input[0 .. size), and not behind the end of the message. Sets *text and *length to a piece of the
 * message without the dots, which may be empty, and lies in input or lasts for ever. Returns how many octets
 * are done with: come again with the others until there are none, or place is DOTS_END.
 */
size_t dots_take(struct dots *, const char *input, size_t size, const char **text, size_t *length);
