/* The commands of the AUTHORIZATION state (RFC 1939, section 4). */
#pragma once

struct connection;

/* One command line; NUL-terminated, changed in place. */
void commands_line(struct connection *, char *line);
