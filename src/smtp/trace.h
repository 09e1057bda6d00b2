/*
 * The lines that delivery puts before a message (RFC 5321, section 4.4): Return-Path, Delivered-To and
 * Received. They end with CRLF. What stands in them comes from paths, which hold no line ends, and
 * from texts that are checked here: what holds an octet below space is left out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/writer.h"
#include "smtp/path.h"

struct received {
	const char *helo;		/* as LHLO or XCLIENT gave it */
	const char *name, *address;	/* of the client as we know them; "" where we do not */
	const char *by;			/* our name */
	const char *with;		/* trace_protocol() */
	uint64_t session;		/* with count: the id */
	unsigned count;
	const struct path *for_path;	/* the only recipient; NULL: there are more */
	time_t time;
};

/* What all of this takes at most, each line once. */
#define TRACE_OCTETS_MAX 2048

/* "LMTP", "LMTPS", "UTF8LMTP", "UTF8LMTPS": RFC 3848, RFC 6531, section 4.3. */
const char *trace_protocol(bool tls, bool utf8);
bool trace_return_path(struct writer *, const struct path *reverse_path);
bool trace_delivered_to(struct writer *, const struct path *recipient);
bool trace_received(struct writer *, const struct received *);
