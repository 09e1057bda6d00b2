/* restante login ACCOUNT: an OAuth 2 login, once, in a browser (RFC 8628). */
#pragma once

struct fetch_context;

/* A row of the table of commands; returns an exit status of sysexits.h. */
int command_login(struct fetch_context *, int argc, char **argv);
