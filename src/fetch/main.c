/*
 * restante, the program that collects mail from POP3 servers.
 *
 * It does:       `fetch` takes what is new on each server to the target of its account and has the server
 * delete what need not stay there; the other commands show what is there. It holds:      the password or token
 * of an account while it logs in, a piece of a message on its way. It never sees: another user's mail: it is
 * nobody but its caller. It talks to:   the servers of its accounts, and where an account says so an LMTP or
 * SMTP server, a command, the provider of an OAuth 2 login.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "fetch/login.h"
#include "fetch/options.h"
#include "fetch/setup.h"

#define RETRIES 3

const struct command commands[] = {
	{ "fetch", "[account ...]", "collect what is new, from all accounts or these", command_fetch },
	{ "check", "[account ...]", "say what would be fetched and deleted; nothing is changed",
	    command_check },
	{ "list", "[account ...]", "list the messages on the server", command_list },
	{ "show", "[account] number", "print a message; it stays what it was", command_show },
	{ "capabilities", "[account | host[:port] | URL]", "what a server can do, and what protects it",
	    command_capabilities },
	{ "setup", "[address]", "make an account, from a mail address",
	    command_setup },
	{ "login", "account", "log in to a server that wants OAuth 2, once", command_login },
	{ "help", "[command]", "how a command is used", command_help },
	{ "version", "", "say which version it is", command_version },
	{ .name = NULL },
};

const struct command *
command_find(const char *name)
{
	const struct command *command = commands;

	while (command->name != NULL && strcmp(command->name, name) != 0)
		command++;
	return command->name != NULL ? command : NULL;
}

int
command_fail(int status, const char *format, ...)
{
	va_list arguments;

	fputs("restante: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return status;
}

int
command_help(struct fetch_context *context, int argc, char **argv)
{
	const struct command *command = NULL;

	(void)context;
	if (argc > 2 || (argc == 2 && (command = command_find(argv[1])) == NULL))
		return command_fail(EX_USAGE, "there is no command `%s`", argv[1]);
	options_usage(stdout, command);
	return EX_OK;
}

int
command_version(struct fetch_context *context, int argc, char **argv)
{
	(void)context;
	(void)argc;
	(void)argv;
	puts("restante " RESTANTE_VERSION);
	return EX_OK;
}

/*
 * Secrets stay out of core dumps and of the reach of others of the same uid. (No no_new_privs: a target's
 * command may be a sendmail(8) that is set-group-ID.)
 */
static void
lock_in(void)
{
	static const struct rlimit no_core = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that becomes too big is an error like a full disk */
}

static int
defaults(struct fetch_context *context)
{
	struct error error;

	memset(context, 0, sizeof(*context));
	context->retries = RETRIES;
	if (accounts_path(context->config_path, &error) != 0 ||
	    accounts_state_directory(context->state_directory, &error) != 0)
		return command_fail(EX_CONFIG, "%s", error.text);
	return OPTIONS_GO_ON;
}

/* What everybody tries. */
static bool
is_version_asked(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0);
}

/* A command with options of its own says only how it is used when they make no sense. */
static bool
is_help_asked(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

int
main(int argc, char **argv)
{
	struct fetch_context context;
	const struct command *command;
	char **words;
	int count, status;

	lock_in();
	if (is_version_asked(argc, argv))
		return command_version(NULL, argc, argv);
	status = defaults(&context);
	if (status == OPTIONS_GO_ON)
		status = options_read(&context, NULL, argc, argv, &words, &count);
	if (status != OPTIONS_GO_ON)
		return status;
	if (count == 0) {
		options_usage(stderr, NULL);
		return EX_USAGE;
	}
	command = command_find(words[0]);
	if (command == NULL)
		return command_fail(EX_USAGE, "unknown command `%s`; --help lists those there are", words[0]);
	if (is_help_asked(count, words)) {
		options_usage(stdout, command);
		return EX_OK;
	}
	status = command->run(&context, count, words);
	if (fflush(stdout) != 0 && status == EX_OK)
		return command_fail(EX_IOERR, "cannot write the answer");
	return status;
}
