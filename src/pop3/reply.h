/*
 * Replies: +OK and -ERR, always in upper case and with a space behind (RFC 1957), and the response
 * codes of RFC 2449, section 8, and RFC 3206, chosen by a table from the kind of an error.
 */
#pragma once

#include "base/error.h"
#include "base/writer.h"

/* One line; the CRLF is added. The text must not begin with '[' and must not hold CR or LF. */
bool reply_ok(struct writer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool reply_error(struct writer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "-ERR [SYS/TEMP] text": the code that belongs to the kind, or none. */
bool reply_failure(struct writer *, enum error_kind, const char *text);

/* "[SYS/TEMP] ", with its space, or "" for a kind that has no code. */
const char *reply_code(enum error_kind);
