/* See login.h. Nothing is asked here but, with --refresh-token, the token of another program's login. */

#include "fetch/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/secret.h"
#include "fetch/command.h"
#include "fetch/oauth.h"
#include "fetch/options.h"

static int
status_of(const struct error *error)
{
	static const int statuses[ERROR_KIND_COUNT] = {
		[ERROR_TEMPORARY] = EX_TEMPFAIL,
		[ERROR_PERMANENT] = EX_CONFIG,
		[ERROR_DENIED] = EX_NOPERM,
		[ERROR_GONE] = EX_CONFIG,
	};

	return statuses[error->kind];
}

static void
device_show(const struct oauth_device *device, const struct account *account)
{
	printf("To let restante have the mail of %s, open this address in a browser, on any device:\n\n",
	    account->user);
	printf("\t%s\n\nand enter the code:\n\n\t%s\n\n", device->url, device->user_code);
	if (device->complete_url[0] != '\0')
		printf("or open this one, which has the code in it:\n\n\t%s\n\n", device->complete_url);
	printf("The code is good for %u minutes. Waiting...\n", (unsigned)((device->seconds + 59) / 60));
	fflush(stdout);
}

static int
by_device(struct oauth_tokens *tokens, const struct account *account, const struct oauth_settings *settings,
    struct error *error)
{
	struct oauth_device device;
	int result;

	/* Else the provider's note has said what there is in place of it. */
	if (oauth_device_begin(&device, settings, error) != 0)
		return -1;
	device_show(&device, account);
	result = oauth_device_wait(tokens, &device, settings, error);
	secret_wipe(&device, sizeof(device));
	return result;
}

/* Tried at once: what is kept is a token that works. */
static int
by_refresh_token(struct oauth_tokens *tokens, const struct oauth_settings *settings, struct error *error)
{
	int terminal, result;

	if (!isatty(STDIN_FILENO)) {
		result = secret_read(STDIN_FILENO, tokens->refresh, TOKEN_SIZE, error);
	} else {
		terminal = terminal_open(error);
		if (terminal < 0)
			return -1;
		result = secret_ask(terminal, "Refresh token", tokens->refresh, TOKEN_SIZE, error);
		close(terminal);
	}
	return result == 0 ? oauth_refresh(tokens, settings, error) : -1;
}

static int
login(const struct account *account, const char *state_directory, bool has_refresh_token, struct error *error)
{
	struct oauth_tokens *tokens = calloc(1, sizeof(*tokens));
	struct oauth_settings settings;
	char place[PATH_SIZE];
	int result;

	if (tokens == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for tokens");
	result = oauth_settings_load(&settings, account, error);
	if (result == 0 && settings.note[0] != '\0')
		printf("%s\n\n", settings.note);
	if (result == 0)
		result = has_refresh_token ? by_refresh_token(tokens, &settings, error)
					   : by_device(tokens, account, &settings, error);
	if (result == 0)
		result = oauth_tokens_save(tokens, account, &settings, state_directory, place, error);
	if (result == 0 && tokens->refresh[0] != '\0')
		printf("Logged in. The token that gets others is in %s.\n", place);
	else if (result == 0)
		printf("Logged in, until the token ends: %s gave none that gets others.\n", settings.provider);
	secret_wipe(tokens, sizeof(*tokens));
	free(tokens);
	return result;
}

static int
account_login(const struct accounts *accounts, const char *name, const struct fetch_context *context,
    bool has_refresh_token)
{
	const struct account *account = accounts_find(accounts, name);
	struct error error;

	if (account == NULL)
		return command_fail(EX_USAGE, "there is no account `%s` in %s", name, context->config_path);
	if (account->oauth[0] == '\0')
		return command_fail(EX_CONFIG,
		    "account %s has no oauth, and so nothing to log in to beforehand; set it to a provider, "
		    "see "
		    "restante-config(5)",
		    name);
	if (login(account, context->state_directory, has_refresh_token, &error) == 0)
		return EX_OK;
	fflush(stdout);
	return command_fail(status_of(&error), "account %s: %s", name, error.text);
}

int
command_login(struct fetch_context *context, int argc, char **argv)
{
	struct accounts accounts;
	struct error error;
	char **words;
	int count, status = options_read(context, command_find("login"), argc, argv, &words, &count);

	if (status != OPTIONS_GO_ON)
		return status;
	if (count != 1)
		return command_fail(EX_USAGE, "usage: restante login [--refresh-token] account");
	if (accounts_read(&accounts, context->config_path, NULL, 0, &error) != 0)
		return command_fail(status_of(&error), "%s", error.text);
	status = account_login(&accounts, words[0], context, context->has_refresh_token);
	accounts_free(&accounts);
	return status;
}
