/*
 * restante-maildrop: the TRANSACTION and UPDATE states of POP3 for the maildrops of one Unix uid.
 *
 * It is reached only by somebody who has logged in: auth makes a pair of sockets, sends one end
 * here with the place that it stands for (IPC_OPEN), and the other to login, which hands the client
 * over on it. A session waits in epoll and holds a thread only while a command runs.
 *
 * Holds: the mail of its uid, below the one directory that Landlock leaves it. Never sees:
 * passwords, TLS keys, other users' mail. Talks to: parent (settings, reports, when to stop), auth
 * (IPC_OPEN), and its clients.
 *
 * By hand it serves one session on its standard input and output:
 *
 *	printf 'STAT\r\nQUIT\r\n' | restante-maildrop maildir:/tmp/m
 */

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "maildrop/client.h"
#include "maildrop/service.h"
#include "sandbox/sandbox.h"
#include "store/store.h"

static const char usage[] =
    "usage: restante-maildrop PLACE\n"
    "       restante-maildrop --root DIRECTORY    (started by restanted)\n"
    "\n"
    "Serves one POP3 session, already logged in, on standard input and output.\n"
    "PLACE is for example maildir:/home/anna/Maildir.\n"
    "\n"
    "  -r, --root DIRECTORY  the mail of this process lies below it; descriptor 3\n"
    "                        is the channel to restanted\n"
    "  -h, --help            this text\n"
    "  -v, --version         the version\n";

static int
lock_in(const char *directory, struct error *error)
{
	const struct sandbox_path path = { .path = directory, .access = SANDBOX_READ_WRITE };

	return sandbox_enter(SANDBOX_MAILDROP, &path, 1, error);
}

static int
failure(const struct error *error)
{
	LOG(LOG_LEVEL_ERROR, "cannot-begin", LOG_REASON(error));
	return error->kind == ERROR_TEMPORARY ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

static int
serve_by_hand(const char *place)
{
	char directory[PLACE_SIZE];
	struct config *config = calloc(1, sizeof(*config));
	struct rules *rules;
	struct error error;
	int result;

	if (store_root(directory, place) != 0) {
		fprintf(stderr, "restante-maildrop: no store for the place %s\n", place);
		free(config);
		return EX_USAGE;
	}
	if (config == NULL || lock_in(directory, &error) != 0) {
		free(config);
		return config == NULL ? EX_OSERR : failure(&error);
	}
	config_defaults(config);
	config->last = 1;
	rules = rules_new(config);
	free(config);
	if (rules == NULL)
		return EX_OSERR;
	result = client_run_by_hand(place, rules, STDIN_FILENO, STDOUT_FILENO);
	rules_release(rules);
	return result == 0 ? EX_OK : EX_UNAVAILABLE;
}

static int
serve(const char *root)
{
	struct error error;

	if (lock_in(root, &error) != 0 || service_run(root, &error) != 0)
		return failure(&error);
	return EX_OK;
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const char *root = NULL;
	int option;

	log_open("restante-maildrop", STDERR_FILENO, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	/* Sessions are small and come from every thread: one arena wastes least. */
	mallopt(M_ARENA_MAX, 1);
	while ((option = getopt_long(argc, argv, "r:hv", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			root = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		case 'v':
			puts("restante-maildrop " RESTANTE_VERSION);
			return EX_OK;
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (root != NULL && optind == argc)
		return serve(root);
	if (root == NULL && optind == argc - 1)
		return serve_by_hand(argv[optind]);
	fputs(usage, stderr);
	return EX_USAGE;
}
