/* restantectl: a table of subcommands, and what they share. Each returns an exit status (sysexits.h). */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "ipc/channel.h"

struct ctl_command {
	const char *name;
	const char *arguments;	/* as --help shows them */
	const char *help;
	int (*run)(int argc, char **argv);	/* argv[0] is the name */
};

extern const struct ctl_command ctl_commands[];	/* ended by a NULL name */

int ctl_status(int argc, char **argv);
int ctl_who(int argc, char **argv);
int ctl_kick(int argc, char **argv);
int ctl_reload(int argc, char **argv);
int ctl_config(int argc, char **argv);
int ctl_user(int argc, char **argv);
int ctl_import_uidl(int argc, char **argv);
int ctl_verify_uidl(int argc, char **argv);

/* The configuration's path: -c, or where it was installed. */
const char *ctl_config_path(void);
/* Reads it; on failure says what is wrong with it and returns EX_CONFIG. */
int ctl_config_read(struct config *);
/* "restantectl: ..." on stderr; returns status. */
int ctl_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says how the subcommand is used; returns EX_USAGE. */
int ctl_usage(const char *name);

/* ask.c: asks the server one thing. row may be NULL. Says what went wrong. */
int ctl_ask(enum ipc_type, const void *body, void (*row)(void *context, const struct ipc_ctl_row *),
    void *context, struct ipc_ctl_result *);
/* The control socket: -s; NULL: the configuration says. */
const char *ctl_socket_path(void);
