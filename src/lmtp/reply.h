/* Replies to the client, with their enhanced codes (RFC 2034, RFC 3463). */
#pragma once

#include <stdbool.h>

#include "base/writer.h"
#include "smtp/path.h"

/* What becomes of a recipient, at RCPT and at the end of the message. */
enum verdict {
	VERDICT_NONE,			/* not known yet */
	VERDICT_OK,			/* 250 2.1.5: accepted; delivered, and on the disk */
	VERDICT_UNKNOWN,		/* 550 5.1.1 */
	VERDICT_DISABLED,		/* 550 5.2.1 */
	VERDICT_FULL_FOR_NOW,		/* 452 4.2.2: over quota, and the client is to try again */
	VERDICT_FULL,			/* 552 5.2.2: over quota, and the sender is to know */
	VERDICT_TEMPORARY,		/* 451 4.3.0 */
	VERDICT_NO_SPACE,		/* 452 4.3.1: for the spool */
	VERDICT_TOO_BIG,		/* 552 5.3.4 */
	VERDICT_LOOP,			/* 554 5.4.6 */
	VERDICT_COUNT
};

/* "550 5.1.1 <anna@example.org> no such mailbox". */
void reply_verdict(struct writer *, enum verdict, const struct path *recipient);
/* The same of a message for all of its recipients. Not for VERDICT_OK. */
void reply_failure(struct writer *, enum verdict);
