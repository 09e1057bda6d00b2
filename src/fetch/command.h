/*
 * restante: a table of commands, and what they have in common. Each returns an exit status of sysexits.h.
 *
 * The options stand in one table (options.h). main() reads those before the command's name; a command reads
 * those behind it with options_read(), or has options of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/accounts.h"

/* What was asked for on the command line. Texts are lent for ever. */
struct fetch_context {
	char config_path[PATH_SIZE];
	char state_directory[PATH_SIZE];
	const char *account_url;	/* --account; NULL: accounts come from the configuration */
	const char *place;		/* --to; NULL: the account says */
	const char *transcript_path;	/* --transcript; NULL: none */
	bool is_quiet, is_verbose, is_json, is_dry_run, is_refetch;
	bool has_keep;			/* --keep: instead of what the account says */
	enum account_keep keep;
	uint64_t keep_number;
	uint64_t parallel;		/* --parallel; 0: the configuration says */
	uint64_t watch_seconds;		/* --watch; 0: once */
	uint64_t retries;		/* --retries: connections after the first, in one run */
	const char *server;		/* --server: host[:port], for setup; NULL: it is looked for */
	bool has_refresh_token;		/* --refresh-token: of another program's login, for login */
	bool is_helped;			/* --help: it was given, nothing is to be done */
};

struct command {
	const char *name;
	const char *arguments;		/* as --help shows them */
	const char *summary;
	int (*run)(struct fetch_context *, int argc, char **argv);	/* argv[0] is the name */
};

extern const struct command commands[];	/* ended by a NULL name */

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);
/* "restante: ..." on standard error; returns status. */
int command_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

int command_fetch(struct fetch_context *, int argc, char **argv);
int command_check(struct fetch_context *, int argc, char **argv);
int command_list(struct fetch_context *, int argc, char **argv);
int command_show(struct fetch_context *, int argc, char **argv);
int command_capabilities(struct fetch_context *, int argc, char **argv);
int command_help(struct fetch_context *, int argc, char **argv);
int command_version(struct fetch_context *, int argc, char **argv);
