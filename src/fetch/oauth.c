/* The parts of oauth.h together: what an account's token is, now. */

#include "fetch/oauth.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "config/providers.h"

/* One that ends while it is on its way is no use. */
#define MARGIN_SECONDS 60

static void
text_choose(char *text, size_t size, const char *first, const char *second)
{
	snprintf(text, size, "%s", first[0] != '\0' ? first : second);
}

/* NULL as provider: there is none of that name. */
static void
settings_merge(struct oauth_settings *settings, const struct account *account, const struct provider *provider)
{
	static const struct provider none = { .name = "" };

	if (provider == NULL)
		provider = &none;
	settings->provider = account->oauth;
	settings->plain_http = account->oauth_plain_http != 0;
	text_choose(settings->device_url, sizeof(settings->device_url), account->oauth_device_url,
	    provider->device_url);
	text_choose(
	    settings->token_url, sizeof(settings->token_url), account->oauth_token_url, provider->token_url);
	text_choose(settings->scope, sizeof(settings->scope), account->oauth_scope, provider->scope);
	text_choose(
	    settings->client_id, sizeof(settings->client_id), account->oauth_client_id, provider->client_id);
	text_choose(settings->client_secret, sizeof(settings->client_secret), account->oauth_client_secret, "");
	snprintf(settings->note, sizeof(settings->note), "%s", provider->note);
}

int
oauth_settings_load(struct oauth_settings *settings, const struct account *account, struct error *error)
{
	struct providers *providers = calloc(1, sizeof(*providers));
	const struct provider *provider;

	if (providers == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the providers");
	if (providers_load(providers, error) != 0) {
		free(providers);
		return -1;
	}
	provider = providers_find(providers, account->oauth);
	settings_merge(settings, account, provider);
	free(providers);
	if (settings->token_url[0] == '\0')
		return error_set(error, ERROR_PERMANENT,
		    "no provider of OAuth 2 is called `%s`; set oauth to one that providers.conf has, or "
		    "oauth_token_url, "
		    "oauth_device_url and oauth_scope",
		    account->oauth);
	if (settings->client_id[0] == '\0')
		return error_set(error, ERROR_PERMANENT,
		    "%s must know the program that asks; register it there and set oauth_client_id",
		    account->oauth);
	return 0;
}

static int
token_give(const struct oauth_tokens *tokens, char *buffer, size_t size, struct error *error)
{
	if ((size_t)snprintf(buffer, size, "%s", tokens->access) < size)
		return 0;
	return error_set(error, ERROR_PERMANENT, "the access token is longer than %zu octets", size - 1);
}

static bool
token_is_good(const struct oauth_tokens *tokens)
{
	return tokens->access[0] != '\0' && tokens->end_time > (int64_t)time(NULL) + MARGIN_SECONDS;
}

static int
login_wanted(const struct account *account, const char *reason, struct error *error)
{
	return error_set(error, ERROR_DENIED, "%.150s; run: restante login %s", reason, account->name);
}

/* tokens: room for them. The lock on the directory is held. */
static int
token_fetch(struct oauth_tokens *tokens, const struct account *account, const char *state_directory,
    bool is_forced, char *buffer, size_t size, struct error *error)
{
	struct oauth_settings settings;
	struct error trouble;

	if (oauth_settings_load(&settings, account, error) != 0)
		return -1;
	if (oauth_tokens_load(tokens, account, &settings, state_directory, error) != 0)
		return error->kind == ERROR_GONE ? login_wanted(account, "there is no OAuth 2 login yet", error)
						 : -1;
	if (token_is_good(tokens) && !is_forced)
		return token_give(tokens, buffer, size, error);
	if (tokens->refresh[0] == '\0')
		return login_wanted(account, "the OAuth 2 login has ended", error);
	if (oauth_refresh(tokens, &settings, &trouble) != 0) {
		if (trouble.kind == ERROR_DENIED)
			return login_wanted(account, trouble.text, error);
		*error = trouble;
		return -1;
	}
	/* A provider that gives each refresh token once: losing the new one would mean to log in again. */
	if (oauth_tokens_save(tokens, account, &settings, state_directory, NULL, error) != 0)
		return -1;
	return token_give(tokens, buffer, size, error);
}

/* Of several processes one refreshes, and the others find what it got. */
int
oauth_token(const struct account *account, const char *state_directory, bool is_forced, char *buffer,
    size_t size, struct error *error)
{
	struct oauth_tokens *tokens = calloc(1, sizeof(*tokens));
	int directory = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

	if (tokens == NULL)
		result = error_set(error, ERROR_TEMPORARY, "no memory for tokens");
	else if (directory < 0)
		result = login_wanted(account, "there is no OAuth 2 login yet", error);
	else if (flock(directory, LOCK_EX) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "%s", state_directory);
	else
		result = token_fetch(tokens, account, state_directory, is_forced, buffer, size, error);
	if (directory >= 0)
		close(directory);
	if (tokens != NULL)
		secret_wipe(tokens, sizeof(*tokens));
	free(tokens);
	return result;
}
