/* See options.h. */

#include "fetch/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/number.h"

#define FETCH 1u
#define CHECK 2u
#define LIST  4u
#define SHOW  8u
#define CAPA  16u
#define SETUP 32u
#define LOGIN 64u
#define OTHER 128u
#define EVERY (~0u)
#define TALKS (FETCH | CHECK | LIST | SHOW | CAPA)

static const struct {
	const char *name;
	unsigned bit;
} bits[] = {
	{ "fetch", FETCH },
	{ "check", CHECK },
	{ "list", LIST },
	{ "show", SHOW },
	{ "capabilities", CAPA },
	{ "setup", SETUP },
	{ "login", LOGIN },
};

/* Each returns false where the value makes no sense. */
static bool
take_config(struct fetch_context *context, const char *value)
{
	return (size_t)snprintf(context->config_path, sizeof(context->config_path), "%s", value) <
	       sizeof(context->config_path);
}

static bool
take_account(struct fetch_context *context, const char *value)
{
	context->account_url = value;
	return true;
}

static bool
take_to(struct fetch_context *context, const char *value)
{
	context->place = value;
	return *value != '\0';
}

static bool
take_transcript(struct fetch_context *context, const char *value)
{
	context->transcript_path = value;
	return *value != '\0';
}

static bool
take_quiet(struct fetch_context *context, const char *value)
{
	(void)value;
	return context->is_quiet = true;
}

static bool
take_verbose(struct fetch_context *context, const char *value)
{
	(void)value;
	return context->is_verbose = true;
}

static bool
take_json(struct fetch_context *context, const char *value)
{
	(void)value;
	return context->is_json = true;
}

static bool
take_dry_run(struct fetch_context *context, const char *value)
{
	(void)value;
	return context->is_dry_run = true;
}

static bool
take_refetch(struct fetch_context *context, const char *value)
{
	(void)value;
	return context->is_refetch = true;
}

static bool
take_help(struct fetch_context *context, const char *value)
{
	(void)value;
	return context->is_helped = true;
}

/* As `keep` in the configuration: "all", "none", "30 days", "newest 100". */
static bool
take_keep(struct fetch_context *context, const char *value)
{
	size_t digits = strspn(value, "0123456789");
	char number[24];

	context->has_keep = true;
	context->keep = strcmp(value, "none") == 0 ? KEEP_NONE : KEEP_ALL;
	if (strcmp(value, "none") == 0 || strcmp(value, "all") == 0)
		return true;
	context->keep = KEEP_NEWEST;
	if (strncmp(value, "newest ", 7) == 0)
		return number_parse(value + 7, &context->keep_number);
	context->keep = KEEP_DAYS;
	if (digits >= sizeof(number) ||
	    (strcmp(value + digits, " days") != 0 && strcmp(value + digits, " day") != 0))
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)digits, value);
	return number_parse(number, &context->keep_number);
}

static bool
take_number(uint64_t *number, const char *value, uint64_t minimum, uint64_t maximum)
{
	return number_parse(value, number) && *number >= minimum && *number <= maximum;
}

static bool
take_parallel(struct fetch_context *context, const char *value)
{
	return take_number(&context->parallel, value, 1, 100);
}

static bool
take_watch(struct fetch_context *context, const char *value)
{
	return take_number(&context->watch_seconds, value, 1, 31536000);
}

static bool
take_retries(struct fetch_context *context, const char *value)
{
	return take_number(&context->retries, value, 0, 1000);
}

static bool
take_server(struct fetch_context *context, const char *value)
{
	context->server = value;
	return *value != '\0';
}

static bool
take_refresh_token(struct fetch_context *context, const char *value)
{
	(void)value;
	return context->has_refresh_token = true;
}

static const struct row {
	const char *name;
	char letter;       /* 0: it has none */
	unsigned commands; /* that take it behind their names; before the command all may stand */
	const char *value; /* NULL: it takes none */
	bool (*take)(struct fetch_context *, const char *value);
	const char *help;
} rows[] = {
	{ "config", 'c', EVERY & ~OTHER, "FILE", take_config, "the configuration (~/.config/restante/config)" },
	{ "account", 'a', TALKS, "URL", take_account,
	    "a POP URL instead of accounts: pops://anna@mail.example.org" },
	{ "to", 't', FETCH | CHECK, "PLACE", take_to,
	    "where mail goes: maildir:PATH, mbox:PATH, lmtp:..., smtp:..., command:..." },
	{ "keep", 'k', FETCH | CHECK, "WHAT", take_keep,
	    "what stays on the server: all, none, \"30 days\" or \"newest 100\"" },
	{ "dry-run", 'n', FETCH | SETUP, NULL, take_dry_run, "change nothing; say what would be done" },
	{ "refetch", 'r', FETCH | CHECK, NULL, take_refetch, "fetch what was fetched before, too" },
	{ "parallel", 'p', FETCH | CHECK, "N", take_parallel, "so many accounts at once (4)" },
	{ "retries", 0, FETCH | CHECK, "N", take_retries, "so many connections more after one was lost (3)" },
	{ "watch", 'w', FETCH, "SECONDS", take_watch, "stay, and look again and again" },
	{ "server", 0, SETUP, "HOST[:PORT]", take_server, "where the mail is, instead of finding it" },
	{ "refresh-token", 0, LOGIN, NULL, take_refresh_token,
	    "ask for the refresh token of another program's login" },
	{ "json", 'j', TALKS, NULL, take_json, "one object on a line for each event" },
	{ "quiet", 'q', TALKS, NULL, take_quiet, "say only what goes wrong" },
	{ "verbose", 'v', TALKS, NULL, take_verbose,
	    "say everything, with the conversation; secrets are masked" },
	{ "transcript", 0, TALKS, "FILE", take_transcript, "write the conversation to a file" },
	{ "help", 'h', EVERY, NULL, take_help, "this text" },
};
#define ROW_COUNT (sizeof(rows) / sizeof(*rows))

static unsigned
bit_of(const struct command *command)
{
	for (size_t i = 0; command != NULL && i < sizeof(bits) / sizeof(*bits); i++)
		if (strcmp(command->name, bits[i].name) == 0)
			return bits[i].bit;
	return command == NULL ? EVERY : OTHER;
}

static bool
is_taken(const struct row *row, const struct command *command)
{
	return (row->commands & bit_of(command)) != 0;
}

void
options_usage(FILE *stream, const struct command *command)
{
	if (command != NULL)
		fprintf(stream, "usage: restante %s [option ...]%s%s\n\n%s\n\n", command->name,
		    *command->arguments != '\0' ? " " : "", command->arguments, command->summary);
	else
		fputs("usage: restante [option ...] command [argument ...]\n\n", stream);
	for (const struct command *other = commands; command == NULL && other->name != NULL; other++)
		fprintf(stream, "  %s%s%s\n      %s\n", other->name, *other->arguments != '\0' ? " " : "",
		    other->arguments, other->summary);
	if (command == NULL)
		fputc('\n', stream);
	for (const struct row *row = rows; row < rows + ROW_COUNT; row++) {
		if (!is_taken(row, command))
			continue;
		fprintf(stream, "  %c%c%s --%s%s%s\n      %s\n", row->letter != 0 ? '-' : ' ',
		    row->letter != 0 ? row->letter : ' ', row->letter != 0 ? "," : " ", row->name,
		    row->value != NULL ? " " : "", row->value != NULL ? row->value : "", row->help);
	}
}

/* What getopt_long(3) wants: rows are told by their index, behind all letters. */
static void
tables_make(const struct command *command, struct option names[ROW_COUNT + 1], char letters[2 * ROW_COUNT + 2])
{
	size_t count = 0, used = 0;

	if (command == NULL)
		letters[used++] = '+';
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (!is_taken(&rows[i], command))
			continue;
		names[count++] = (struct option){ rows[i].name,
			rows[i].value != NULL ? required_argument : no_argument, NULL, 256 + (int)i };
		if (rows[i].letter != 0)
			letters[used++] = rows[i].letter;
		if (rows[i].letter != 0 && rows[i].value != NULL)
			letters[used++] = ':';
	}
	names[count] = (struct option){ NULL, 0, NULL, 0 };
	letters[used] = '\0';
}

static const struct row *
row_of(int option)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (option == 256 + (int)i || (option < 256 && option == rows[i].letter))
			return &rows[i];
	return NULL;
}

int
options_read(struct fetch_context *context, const struct command *command, int argc, char **argv, char ***words,
    int *count)
{
	struct option names[ROW_COUNT + 1];
	char letters[3 * ROW_COUNT + 2];
	static char program[] = "restante";
	int option;

	tables_make(command, names, letters);
	argv[0] = program; /* what getopt says begins with it */
	optind = 0;        /* getopt starts anew */
	while ((option = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		const struct row *row = row_of(option);

		if (row == NULL) {
			options_usage(stderr, command);
			return EX_USAGE;
		}
		if (!row->take(context, optarg))
			return command_fail(
			    EX_USAGE, "--%s: `%s` makes no sense: %s", row->name, optarg, row->help);
	}
	if (context->is_helped) {
		options_usage(stdout, command);
		return EX_OK;
	}
	*words = argv + optind;
	*count = argc - optind;
	return OPTIONS_GO_ON;
}
