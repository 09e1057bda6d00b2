/* Reading the accounts. See accounts.h. */

#include "config/accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "config/account_text.h"
#include "config/reader.h"

/* One reading at a time, as with reader_run(). */
static struct accounts accounts_so_far;
static struct account_text section;
static uint32_t outer_lines[CONFIG_KEYS_MAX];
static struct problems completion; /* of what each section says, found at its end */

static void
begin(void)
{
	struct problems none = { .count = 0 };

	accounts_free(&accounts_so_far);
	memset(outer_lines, 0, sizeof(outer_lines));
	completion.count = 0;
	for (const struct config_key *key = accounts_keys; key->name != NULL; key++)
		value_parse(&accounts_so_far, key, key->fallback, 0, &none);
}

/* Grown by hand: what realloc() leaves behind could be a password. */
static bool
account_append(const struct account *account)
{
	struct accounts *accounts = &accounts_so_far;
	struct account *all = calloc(accounts->count + 1, sizeof(*all));

	if (all == NULL)
		return false;
	if (accounts->count > 0) {
		memcpy(all, accounts->all, accounts->count * sizeof(*all));
		secret_wipe(accounts->all, accounts->count * sizeof(*all));
		free(accounts->all);
	}
	all[accounts->count++] = *account;
	accounts->all = all;
	return true;
}

static void
account_seen(const char *title, int line, const uint32_t lines[])
{
	snprintf(section.account.name, sizeof(section.account.name), "%s", title);
	account_complete(&section, line, lines, &completion);
	if (!account_append(&section.account))
		problem_add(&completion, line, "no memory for another account");
}

static const struct reader reader = {
	.manual = "restante-config(5)",
	.keys = accounts_keys,
	.base = &accounts_so_far,
	.lines = outer_lines,
	.begin = begin,
	.sections = {
		{ "account", account_keys, &section, sizeof(section), true,
		  ACCOUNT_NAME_SIZE, ACCOUNTS_MAX, account_seen },
		{ .name = NULL },
	},
};

/* A password in a file that others can read is none. */
static void
check_mode(
    const struct accounts *accounts, const struct stat *status, const char *path, struct problems *problems)
{
	for (size_t i = 0; i < accounts->count; i++) {
		const struct account *account = &accounts->all[i];

		if (account->secret != ACCOUNT_SECRET_TEXT)
			continue;
		if (status->st_uid != getuid())
			problem_add(problems, (int)account->secret_line,
			    "there is a password in this file, which is somebody else's; it must be yours");
		else if ((status->st_mode & 077) != 0)
			problem_add(problems, (int)account->secret_line,
			    "there is a password in this file, and others can read it (mode %04o); change the "
			    "password "
			    "if others did, and run: chmod 600 %.150s",
			    (unsigned)status->st_mode & 07777, path);
	}
}

/* The first line of problems[]. */
static int
problems_to_error(const char *problems, struct error *error)
{
	return error_set(error, ERROR_PERMANENT, "%.*s", (int)strcspn(problems, "\n"), problems);
}

static void
text_free(char *text)
{
	secret_wipe(text, strlen(text));
	free(text);
}

int
accounts_read(struct accounts *accounts, const char *path, char *problems, size_t size, struct error *error)
{
	static struct problems found;
	char own[2048];
	char *text = NULL;
	struct stat status;
	int reason = 0;

	if (problems == NULL) {
		problems = own;
		size = sizeof(own);
	}
	if (stat(path, &status) == 0)
		text = source_read(path, problems, size);
	else
		snprintf(problems, size, "%s: %s", path, strerrordesc_np(reason = errno));
	if (text == NULL)
		return error_set(error, reason == ENOENT ? ERROR_GONE : ERROR_PERMANENT, "%s", problems);
	found.count = 0;
	(void)reader_run(&reader, text, &found);
	text_free(text);
	for (size_t i = 0; i < completion.count; i++)
		problem_add(&found, completion.list[i].line, "%s", completion.list[i].text);
	check_mode(&accounts_so_far, &status, path, &found);
	secret_wipe(&section, sizeof(section));
	problems_write(&found, path, problems, size);
	if (found.count > 0) {
		accounts_free(&accounts_so_far);
		return problems_to_error(problems, error);
	}
	*accounts = accounts_so_far;
	memset(&accounts_so_far, 0, sizeof(accounts_so_far));
	return 0;
}

void
accounts_doubts(const struct accounts *accounts, const char *path, char *text, size_t size)
{
	struct problems doubts = { .count = 0 };

	for (size_t i = 0; i < accounts->count; i++) {
		const struct account *account = &accounts->all[i];

		if (account->secret == ACCOUNT_SECRET_TEXT)
			problem_add(&doubts, (int)account->secret_line,
			    "warning: the password of account `%s` stands in this file, and in every copy of "
			    "it; "
			    "password_command or password_keyring keep it elsewhere",
			    account->name);
		if (account->security == ACCOUNT_CLEAR && account->clear_password)
			problem_add(&doubts, 0,
			    "warning: account `%s` sends its password in clear text; whoever is on the way can "
			    "read it",
			    account->name);
	}
	problems_write(&doubts, path, text, size);
}

const struct account *
accounts_find(const struct accounts *accounts, const char *name)
{
	for (size_t i = 0; i < accounts->count; i++)
		if (strcmp(accounts->all[i].name, name) == 0)
			return &accounts->all[i];
	return NULL;
}

void
accounts_free(struct accounts *accounts)
{
	if (accounts->all != NULL)
		secret_wipe(accounts->all, accounts->count * sizeof(accounts->all[0]));
	free(accounts->all);
	memset(accounts, 0, sizeof(*accounts));
}

void
account_defaults(struct account *account, const char *name)
{
	struct account_text text = { .keep = "" };
	struct problems none = { .count = 0 };

	for (const struct config_key *key = account_keys; key->name != NULL; key++)
		value_parse(&text, key, key->fallback, 0, &none);
	account_check_place(&text.account, 0, &none);
	snprintf(text.account.name, sizeof(text.account.name), "%s", name);
	*account = text.account;
}
