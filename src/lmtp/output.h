/* Replies on their way: written, kept while the client does not take them, and sent. */
#pragma once

#include <stdbool.h>

struct connection;

/* Is there something that the client has not taken? */
bool output_waits(const struct connection *);
/* Sends what was written since connection_begin(). False: the connection has ended. */
bool output_send(struct connection *);
/* Hands to the stream what was kept, as much as it takes. False: it has failed. */
bool output_go_on(struct connection *);
