/*
 * restante-maildrop: the TRANSACTION and UPDATE states of POP3 for the maildrops of one Unix uid.
 *
 * It is reached only by somebody who has logged in: auth says which session comes from which login
 * process, and what to open for it (IPC_OPEN), and that login hands the client over (IPC_HANDOVER). A
 * session waits in epoll and holds a thread only while a command runs.
 *
 * It takes mail in as well: lmtp hands over a message (IPC_DELIVER) with a warrant that auth has sealed.
 *
 * Holds: the mail of its uid, below the one directory that Landlock leaves it (and the one for its
 * indexes, if they are not beside the mail). Never sees: passwords, TLS keys, other users' mail.
 * Talks to: parent (settings, channels, reports, when to stop), auth, login, lmtp, and its clients.
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
    "usage: restante-maildrop [--index DIRECTORY] PLACE\n"
    "       restante-maildrop [--index DIRECTORY] --root DIRECTORY    (started by restanted)\n"
    "\n"
    "Serves one POP3 session, already logged in, on standard input and output.\n"
    "PLACE is for example maildir:/home/anna/Maildir.\n"
    "\n"
    "  -r, --root DIRECTORY  the mail of this process lies below it; descriptor 3\n"
    "                        is the channel to restanted\n"
    "  -i, --index DIRECTORY indexes lie there, not beside the mail; it belongs to\n"
    "                        who runs this, and nobody else may write in it\n"
    "  -h, --help            this text\n"
    "  -v, --version         the version\n";

/* index: NULL where there is no such directory. */
static int
lock_in(const char *directory, const char *index, struct error *error)
{
	const struct sandbox_path paths[] = {
		{ .path = directory, .access = SANDBOX_READ_WRITE },
		{ .path = index, .access = SANDBOX_READ_WRITE },
	};

	return sandbox_enter(SANDBOX_MAILDROP, paths, index != NULL ? 2 : 1, error);
}

static int
failure(const struct error *error)
{
	LOG(LOG_LEVEL_ERROR, "cannot-begin", LOG_REASON(error));
	return error->kind == ERROR_TEMPORARY ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

static int
serve_by_hand(const char *place, const char *index)
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
	if (config == NULL || lock_in(directory, index, &error) != 0) {
		free(config);
		return config == NULL ? EX_OSERR : failure(&error);
	}
	config_defaults(config);
	config->last = 1;
	rules = rules_new(config, rules_index_directory(index));
	free(config);
	if (rules == NULL)
		return EX_OSERR;
	result = client_run_by_hand(place, rules, STDIN_FILENO, STDOUT_FILENO);
	rules_release(rules);
	return result == 0 ? EX_OK : EX_UNAVAILABLE;
}

static int
serve(const char *root, const char *index)
{
	struct error error;

	if (lock_in(root, index, &error) != 0 || service_run(root, index, &error) != 0)
		return failure(&error);
	return EX_OK;
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "index", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const char *root = NULL, *index = NULL;
	int option;

	log_open("restante-maildrop", STDERR_FILENO, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	/* A limit of file sizes fails one delivery, not all that runs here. */
	signal(SIGXFSZ, SIG_IGN);
	/* Sessions are small and come from every thread: one arena wastes least. */
	mallopt(M_ARENA_MAX, 1);
	while ((option = getopt_long(argc, argv, "r:i:hv", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			root = optarg;
			break;
		case 'i':
			index = optarg;
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
		return serve(root, index);
	if (root == NULL && optind == argc - 1)
		return serve_by_hand(argv[optind], index);
	fputs(usage, stderr);
	return EX_USAGE;
}
