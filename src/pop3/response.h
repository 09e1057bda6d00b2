/*
 * Replies as the client's side reads them (RFC 1939, section 3; RFC 2449, sections 4 and 8; RFC 5034,
 * section 4). Lines are cut out with line_take() of pop3/line.h and REPLY_OCTETS_MAX; a line that is
 * longer or holds NUL is nothing that a client should go on after.
 *
 * What is accepted is more than a server may send (see the spec: the quirks of real servers): "+OK" in
 * any case and with nothing behind it, "+" alone for an empty challenge, anything with "-" in front for
 * a refusal.
 */
#pragma once

#include "base/error.h"

#define REPLY_OCTETS_MAX 4096	/* RFC 2449, section 4, has 512; texts in the field are longer */

enum response_status { RESPONSE_OK, RESPONSE_ERROR, RESPONSE_CHALLENGE };

/* The whole registry, in the order of enum restante_code. */
enum response_code {
	CODE_NONE,
	CODE_AUTH,
	CODE_IN_USE,
	CODE_LOGIN_DELAY,
	CODE_SYS_TEMP,
	CODE_SYS_PERM,
	CODE_UTF8,
	CODE_OTHER,		/* it stays at the start of the text */
	CODE_COUNT
};

struct response {
	enum response_status status;
	enum response_code code;	/* with RESPONSE_ERROR only */
	char *text;		/* behind the status, its space and a known code; of a challenge its base64 */
};

/*
 * line: NUL-terminated, without its end; what the response lends is inside it. ERROR_PROTOCOL: it is no
 * reply.
 */
int response_parse(struct response *, char *line, struct error *);
