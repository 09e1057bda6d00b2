/* The message of a connection, from the session's first octet of it to the end of the transaction. */
#pragma once

#include "lmtp/session.h"

struct connection;

/* For struct session_calls; context is the connection. */
enum verdict intake_data(void *context, const char *octets, size_t size);
void intake_undelivered(void *context, const struct recipient *);
void intake_end(void *context);
/* The message is whole: can it be handed on? Asked for each recipient; VERDICT_OK, or why not. */
enum verdict intake_seal(struct connection *);
/* "unknown": a verdict in a line of the log. */
const char *verdict_name(enum verdict);
