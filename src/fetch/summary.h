/* What a list shows of a message: Date, From and Subject, with encoded words decoded (RFC 2047). */
#pragma once

#include <stddef.h>

struct summary {
	char date[64], from[128], subject[256]; /* UTF-8 as far as the message is; cut where they are longer */
};

/* header: CRLF or LF line ends; what stands behind an empty line is not looked at. */
void summary_take(struct summary *, const char *header, size_t size);
/* The words of a field's text, decoded; inside, and for the tests. */
void summary_decode(char *decoded, size_t size, const char *text);
