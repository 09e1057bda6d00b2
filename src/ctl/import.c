/*
 * restantectl import-uidl: the UIDLs that another server gave, so that no client fetches again what
 * it has.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/migration.h"
#include "store/foreign_uidl_format.h"
#include "store/maildir_import.h"
#include "store/text_file.h"

#define PATIENCE_SECONDS 600	/* for one maildrop: its owner can stop what works on it */

static const char usage[] =
    "usage: restantectl import-uidl [--from dovecot | courier | list] [--format FORMAT]\n"
    "           [--list FILE] [--dry-run] USER | PLACE ... | --all | --tree DIRECTORY\n"
    "\n"
    "  --from KIND       which server's list is read; without it, the one that is there\n"
    "  --format FORMAT   Dovecot's pop3_uidl_format (uidl_format of the configuration)\n"
    "  --list FILE       the list of one maildrop, if it is not in the Maildir;\n"
    "                    `--from list' is a line for each message: the file's name, a UIDL\n"
    "  --dry-run         say what would happen, and change nothing\n"
    "  --all             the maildrops of all users\n"
    "  --tree DIRECTORY  all Maildirs below a directory\n";

struct import_request {
	struct import_source source;
	const char *format, *list, *tree;
	bool all;
	struct config config;
	/* What has come of it. */
	struct import_counts sum;
	size_t maildrops, failed, without_list;
	int status;
};

struct answer {
	int result;
	struct error error;
	struct import_counts counts;
};

/* What a failure leaves behind. */
enum outcome { LEFT, WRITTEN, UNKNOWN };

static void
work(const struct target *target, void *question, void *answer)
{
	struct answer *a = answer;

	a->result = maildir_import(strchr(target->place, ':') + 1, question, &a->counts, &a->error);
}

static void
counts_print(const struct import_counts *counts)
{
	printf("%zu messages, %zu UIDLs taken, ", counts->messages, counts->taken);
	if (counts->changed > 0)
		printf("%zu changed, ", counts->changed);
	printf("%zu already had, %zu without one", counts->kept, counts->without);
	if (counts->dropped > 0)
		printf(", %zu of messages that are gone", counts->dropped);
}

static void
sum_up(struct import_counts *sum, const struct import_counts *counts)
{
	sum->messages += counts->messages;
	sum->taken += counts->taken;
	sum->changed += counts->changed;
	sum->kept += counts->kept;
	sum->without += counts->without;
	sum->dropped += counts->dropped;
}

/*
 * A user who never had mail, or whom the other server never saw, is worth a line; where a single
 * maildrop was asked for, it is what went wrong.
 */
static void
note_failure(struct import_request *request, const struct target *target, const struct error *error,
    enum outcome outcome)
{
	static const char *const words[] = {
		[LEFT] = ": left as it was",
		[WRITTEN] = ": the new UIDLs are in place, but not yet safe; import again",
		[UNKNOWN] = ": it may have been changed; import again",
	};
	bool expected = error->kind == ERROR_GONE && (request->all || request->tree != NULL);
	int status = target_status(error);

	target_print(target->name);
	fputs(": ", stdout);
	target_print(error->text);
	puts(expected ? "" : words[outcome]);
	if (expected) {
		request->without_list++;
		return;
	}
	request->failed++;
	if (request->status == EX_OK)
		request->status = status;
}

static int
visit(void *context, const struct target *target, const struct error *problem)
{
	struct import_request *request = context;
	struct answer answer = { 0 };
	enum outcome outcome = LEFT;
	struct error error;
	const struct target_job job = { work, &request->source, &answer, sizeof(answer), PATIENCE_SECONDS };
	int result;

	request->maildrops++;
	if (problem == NULL && strncmp(target->place, "maildir:", 8) != 0) {
		error_set(&error, ERROR_PERMANENT, "only a Maildir can take UIDLs over");
		problem = &error;
	}
	if (problem == NULL) {
		result = target_work(&request->config, target, &job, &error);
		if (result != 0)
			problem = &error;
		if (result > 0)
			outcome = UNKNOWN;
	}
	if (problem == NULL && answer.result != 0) {
		answer.error.text[sizeof(answer.error.text) - 1] = '\0';
		problem = &answer.error;
		outcome = answer.counts.written ? WRITTEN : LEFT;
	}
	if (problem != NULL) {
		note_failure(request, target, problem, outcome);
		return 0;
	}
	target_print(target->name);
	fputs(": ", stdout);
	counts_print(&answer.counts);
	puts("");
	sum_up(&request->sum, &answer.counts);
	return 0;
}

static void
sum_print(const struct import_request *request)
{
	printf("%zu maildrops: ", request->maildrops);
	counts_print(&request->sum);
	if (request->without_list > 0)
		printf("; %zu maildrops without a list", request->without_list);
	if (request->failed > 0)
		printf("; %zu maildrops failed", request->failed);
	puts("");
	if (request->sum.without > 0)
		printf("The %zu messages without one have restante's own UIDL: a client that has "
		       "fetched them fetches them again.\n", request->sum.without);
	if (request->source.dry_run)
		puts("Nothing was changed (--dry-run).");
}

static int
list_read(struct import_request *request, char **text)
{
	struct error error;
	int result;

	if (request->list == NULL)
		return EX_OK;
	result = text_file_read(text, &request->source.size, AT_FDCWD, request->list, &error);
	if (result == 0)
		return ctl_fail(EX_NOINPUT, "%s: there is no such file", request->list);
	if (result < 0)
		return ctl_fail(EX_NOINPUT, "%s", error.text);
	request->source.text = *text;
	return EX_OK;
}

static bool
take_option(void *context, int option, const char *value)
{
	struct import_request *request = context;

	switch (option) {
	case 'k':
		request->source.kind = foreign_kind_find(value);
		return request->source.kind != NULL;
	case 'F':
		request->format = value;
		return true;
	case 'l':
		request->list = value;
		return true;
	case 'n':
		request->source.dry_run = true;
		return true;
	case 'a':
		request->all = true;
		return true;
	case 't':
		request->tree = value;
		return true;
	default:
		return false;
	}
}

/* Do the words say one thing, and only one? */
static bool
words_agree(const struct import_request *request, int words)
{
	if ((words > 0) + request->all + (request->tree != NULL) != 1)
		return false;
	if (request->list != NULL && (words != 1 || request->source.kind == NULL))
		return false;
	return request->list != NULL || request->source.kind == NULL || request->source.kind->file != NULL;
}

static int
run(struct import_request *request, char **words)
{
	struct uidl_format format;
	struct error error;
	char *text = NULL;
	int status = ctl_config_read(&request->config);

	if (status != EX_OK)
		return status;
	request->source.format = request->format != NULL ? request->format : request->config.uidl_format;
	if (uidl_format_parse(&format, request->source.format, &error) != 0)
		return ctl_fail(request->format != NULL ? EX_USAGE : EX_CONFIG, "%s", error.text);
	status = list_read(request, &text);
	if (status != EX_OK)
		return status;
	if (request->all)
		status = target_all_users(&request->config, visit, request);
	else if (request->tree != NULL)
		status = target_tree(request->tree, visit, request);
	for (; status == EX_OK && *words != NULL; words++)
		status = target_of_word(&request->config, *words, visit, request);
	free(text);
	if (request->maildrops > 0)
		sum_print(request);
	return request->status != EX_OK ? request->status : status;
}

int
ctl_import_uidl(int argc, char **argv)
{
	static const struct option names[] = {
		{ "from", required_argument, NULL, 'k' },
		{ "format", required_argument, NULL, 'F' },
		{ "list", required_argument, NULL, 'l' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "all", no_argument, NULL, 'a' },
		{ "tree", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct ctl_options options = { usage, "h", names, take_option };
	static struct import_request request;
	char **words;
	int status = ctl_options_read(&options, argc, argv, &request, &words);

	if (status != CTL_GO_ON)
		return status;
	if (!words_agree(&request, (int)(argv + argc - words)))
		return ctl_options_misused(&options);
	return run(&request, words);
}
