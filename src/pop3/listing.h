/*
 * Lines of LIST and UIDL, and what stands behind "+OK" in the replies to STAT, LAST, LIST n and UIDL n
 * (RFC 1939, sections 5 and 7; RFC 1460, section 4), as servers really send them: several spaces between
 * the fields, more fields than there should be, sizes below zero where a message has over 2 GiB.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LISTING_UIDL_MAX 1024	/* octets; RFC 1939, section 7, has 70 */

struct listing {
	uint64_t number;	/* of a message, from 1; STAT: how many messages; LAST: 0 for none */
	uint64_t octets;	/* as the server says; 0 where is_octets_unknown */
	bool is_octets_unknown;	/* no size that can be: negative, or beyond 64 bits */
	const char *uidl;	/* inside the line */
};

/*
 * line: NUL-terminated, without its end, changed in place. ERROR_PROTOCOL: no such line. Each sets only
 * what it is about and leaves the rest zero.
 */
int listing_scan(struct listing *, char *line, struct error *);
/*
 * The identifier is the rest of the line: 1 to LISTING_UIDL_MAX octets, spaces inside and octets beyond ASCII
 * too, but no controls.
 */
int listing_uidl(struct listing *, char *line, struct error *);
int listing_stat(struct listing *, char *text, struct error *);
int listing_last(struct listing *, char *text, struct error *);
