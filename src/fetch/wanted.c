/* See wanted.h. */

#include "fetch/wanted.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/secret.h"
#include "fetch/account_url.h"

#define PROBLEMS_SIZE 8192

static int
read_url(struct wanted *wanted, const struct fetch_context *context, int count)
{
	struct error error;

	if (count > 0)
		return command_fail(EX_USAGE, "--account is an account by itself: name no other");
	if (account_from_url(&wanted->given, context->account_url, &error) != 0)
		return command_fail(EX_USAGE, "--account: %s", error.text);
	wanted->all[wanted->count++] = &wanted->given;
	return WANTED_GO_ON;
}

static int
read_file(struct wanted *wanted, const struct fetch_context *context)
{
	char problems[PROBLEMS_SIZE];
	struct error error;

	if (accounts_read(&wanted->accounts, context->config_path, problems, sizeof(problems), &error) == 0)
		return WANTED_GO_ON;
	if (error.kind == ERROR_GONE)
		return command_fail(EX_CONFIG,
		    "there is no configuration %s: `restante setup` makes one, "
		    "--account URL does without",
		    context->config_path);
	return command_fail(EX_CONFIG, "%s", *problems != '\0' ? problems : error.text);
}

static int
choose(struct wanted *wanted, const struct fetch_context *context, char *const words[], int count)
{
	for (int i = 0; i < count; i++) {
		const struct account *account = accounts_find(&wanted->accounts, words[i]);

		if (account == NULL)
			return command_fail(
			    EX_CONFIG, "%s has no account `%s`", context->config_path, words[i]);
		for (size_t k = 0; k < wanted->count; k++)
			if (wanted->all[k] == account)
				return command_fail(EX_USAGE, "account `%s` is named twice", words[i]);
		wanted->all[wanted->count++] = account;
	}
	for (size_t i = 0; count == 0 && i < wanted->accounts.count; i++)
		wanted->all[wanted->count++] = &wanted->accounts.all[i];
	if (wanted->count == 0)
		return command_fail(EX_CONFIG, "%s has no account", context->config_path);
	return WANTED_GO_ON;
}

int
wanted_read(struct wanted *wanted, const struct fetch_context *context, char *const words[], int count)
{
	int status;

	memset(wanted, 0, sizeof(*wanted));
	status = context->account_url == NULL ? read_file(wanted, context) : WANTED_GO_ON;
	if (status != WANTED_GO_ON)
		return status;
	wanted->all = calloc(wanted->accounts.count + (size_t)count + 1, sizeof(*wanted->all));
	if (wanted->all == NULL)
		status = command_fail(EX_OSERR, "no memory");
	else if (context->account_url != NULL)
		status = read_url(wanted, context, count);
	else
		status = choose(wanted, context, words, count);
	if (status != WANTED_GO_ON)
		wanted_free(wanted);
	return status;
}

void
wanted_free(struct wanted *wanted)
{
	accounts_free(&wanted->accounts);
	free(wanted->all);
	secret_wipe(wanted, sizeof(*wanted));
}
