/* restante setup [ADDRESS]: from a mail address to an account in the configuration. */
#pragma once

struct fetch_context;

/* A row of the table of commands; returns an exit status of sysexits.h. */
int command_setup(struct fetch_context *, int argc, char **argv);
