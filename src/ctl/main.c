/*
 * restantectl, the operator's program.
 *
 * It does:       asks the running server (status, who, kick, reload), shows the configuration,
 *                edits the users file, takes over the UIDLs of another server (import-uidl,
 *                verify-uidl), each maildrop as its owner.
 * It holds:      for user and verify-uidl: one password, until it is hashed or sent.
 * It never sees: what is written in a message.
 * It talks to:   restanted, on the control socket in run_directory; for verify-uidl, the old server.
 */

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/ctl.h"

const struct ctl_command ctl_commands[] = {
	{ "status", "", "which processes run, and what they do", ctl_status },
	{ "who", "", "the sessions that are open", ctl_who },
	{ "kick", "user | session", "end the sessions of a user, or one, without deleting anything",
	    ctl_kick },
	{ "reload", "", "check the configuration and put it in force", ctl_reload },
	{ "config", "", "every value in force after a reload, and where it comes from",
	    ctl_config },
	{ "import-uidl", "[option ...] user | place ... | --all | --tree directory",
	    "take the UIDLs over that another server gave", ctl_import_uidl },
	{ "verify-uidl", "--host host --user name --password-command command [option ...]",
	    "compare with the old server what a client would see", ctl_verify_uidl },
	{ "user", "add | passwd | delete | list | check ...", "edit the users file", ctl_user },
	{ .name = NULL },
};

static struct {
	const char *config_path, *socket_path;
} options = { .config_path = CONFIGURATION_FILE };

const char *
ctl_config_path(void)
{
	return options.config_path;
}

const char *
ctl_socket_path(void)
{
	return options.socket_path;
}

int
ctl_fail(int status, const char *format, ...)
{
	va_list arguments;

	fputs("restantectl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return status;
}

int
ctl_config_read(struct config *config)
{
	char problems[8192];

	if (config_read(config, options.config_path, problems, sizeof(problems)) == 0)
		return EX_OK;
	fprintf(stderr, "%s\n", problems);
	return EX_CONFIG;
}

static void
usage(FILE *stream)
{
	fputs("usage: restantectl [-c file] [-s socket] command [argument ...]\n"
	      "       restantectl --help | --version\n\n",
	    stream);
	for (const struct ctl_command *command = ctl_commands; command->name != NULL; command++)
		fprintf(stream, "  %s%s%s\n      %s\n", command->name,
		    *command->arguments != '\0' ? " " : "", command->arguments, command->help);
	fputs("\n  -c file    the configuration (" CONFIGURATION_FILE ")\n"
	      "  -s socket  the server's control socket (run_directory/control)\n",
	    stream);
}

static const struct ctl_command *
find(const char *name)
{
	const struct ctl_command *command = ctl_commands;

	while (command->name != NULL && strcmp(command->name, name) != 0)
		command++;
	return command->name != NULL ? command : NULL;
}

int
ctl_usage(const char *name)
{
	fprintf(stderr, "usage: restantectl %s %s\n", name, find(name)->arguments);
	return EX_USAGE;
}

/* What stands before the subcommand; -1: go on. */
static int
options_read(int argc, char **argv)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+c:s:", names, NULL)) != -1) {
		if (option == 'c') {
			options.config_path = optarg;
		} else if (option == 's') {
			options.socket_path = optarg;
		} else if (option == 'h') {
			usage(stdout);
			return EX_OK;
		} else if (option == 'v') {
			puts("restantectl " RESTANTE_VERSION);
			return EX_OK;
		} else {
			usage(stderr);
			return EX_USAGE;
		}
	}
	return -1;
}

int
main(int argc, char **argv)
{
	const struct ctl_command *command;
	int status = options_read(argc, argv);

	if (status >= 0)
		return status;
	if (optind == argc) {
		usage(stderr);
		return EX_USAGE;
	}
	command = find(argv[optind]);
	if (command == NULL)
		return ctl_fail(
		    EX_USAGE, "unknown command `%s`; --help lists those there are", argv[optind]);
	argc -= optind;
	argv += optind;
	optind = 1;
	status = command->run(argc, argv);
	if (fflush(stdout) != 0 && status == EX_OK)
		return ctl_fail(EX_IOERR, "cannot write the answer");
	return status;
}
