/*
 * Where tokens are kept; see oauth.h. The file is a JSON object. It says which address and which client
 * its tokens are for: a configuration that is changed by mistake, or by a trick, sends them nowhere else.
 */

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "fetch/directory.h"
#include "fetch/oauth.h"
#include "fetch/secret_file.h"
#include "fetch/secret_keyring.h"

static int
token_path(
    char path[PATH_SIZE], const struct account *account, const char *state_directory, struct error *error)
{
	if (snprintf(path, PATH_SIZE, "%s/%s.token", state_directory, account->name) < PATH_SIZE)
		return 0;
	return error_set(error, ERROR_PERMANENT, "%.150s is too long a path for tokens", state_directory);
}

/* What the desktop's keyring has it under. */
static void
keyring_service(char service[PATH_SIZE + TEXT_SIZE], const struct oauth_settings *settings)
{
	snprintf(service, PATH_SIZE + TEXT_SIZE, "restante %s", settings->token_url);
}

static bool
text_get(char *text, size_t size, const json_t *object, const char *name)
{
	const char *found = json_string_value(json_object_get(object, name));

	return snprintf(text, size, "%s", found != NULL ? found : "") < (int)size;
}

static bool
is_for(const json_t *object, const struct oauth_settings *settings)
{
	const char *url = json_string_value(json_object_get(object, "token_url"));
	const char *client = json_string_value(json_object_get(object, "client_id"));

	return url != NULL && client != NULL && strcmp(url, settings->token_url) == 0 &&
	       strcmp(client, settings->client_id) == 0;
}

static int
object_take(struct oauth_tokens *tokens, const json_t *object, const struct account *account,
    const struct oauth_settings *settings, const char *path, struct error *error)
{
	char service[PATH_SIZE + TEXT_SIZE];

	if (!json_is_object(object) || !text_get(tokens->access, TOKEN_SIZE, object, "access_token") ||
	    !text_get(tokens->refresh, TOKEN_SIZE, object, "refresh_token"))
		return error_set(error, ERROR_GONE, "%s is damaged", path);
	if (!is_for(object, settings))
		return error_set(error, ERROR_GONE, "%s is for another provider or client", path);
	tokens->end_time = json_integer_value(json_object_get(object, "end_time"));
	if (!json_is_true(json_object_get(object, "keyring")))
		return 0;
	keyring_service(service, settings);
	return desktop_keyring_find(service, account->name, tokens->refresh, TOKEN_SIZE, error);
}

int
oauth_tokens_load(struct oauth_tokens *tokens, const struct account *account,
    const struct oauth_settings *settings, const char *state_directory, struct error *error)
{
	char path[PATH_SIZE];
	char *text;
	json_t *object;
	int result;

	if (token_path(path, account, state_directory, error) != 0)
		return -1;
	text = secret_file_read(path, true, error);
	if (text == NULL)
		return -1;
	object = json_loads(text, 0, NULL);
	secret_text_free(text);
	result = object_take(tokens, object, account, settings, path, error);
	json_decref(object);
	if (result != 0)
		secret_wipe(tokens, sizeof(*tokens));
	return result;
}

static bool
directory_sync(const char *directory)
{
	int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = file >= 0 && fsync(file) == 0;

	if (file >= 0)
		close(file);
	return done;
}

/* The old file or the new one, whatever happens; mkostemp() gives it mode 0600. */
static int
file_replace(const char *path, const char *directory, const char *text, struct error *error)
{
	char part[PATH_SIZE + 8];
	int file;
	bool done;

	snprintf(part, sizeof(part), "%s.XXXXXX", path);
	file = mkostemp(part, O_CLOEXEC);
	if (file < 0)
		return error_errno(error, ERROR_TEMPORARY, "%s", path);
	done = text_write(file, text);
	done = close(file) == 0 && done;
	if (done && rename(part, path) == 0 && directory_sync(directory))
		return 0;
	error_errno(error, ERROR_TEMPORARY, "%s", path);
	unlink(part);
	return -1;
}

static int
file_write(const struct oauth_tokens *tokens, const struct oauth_settings *settings, bool in_keyring,
    const char *path, const char *directory, struct error *error)
{
	json_t *object =
	    json_pack("{s:s, s:s, s:s, s:I, s:s, s:b}", "token_url", settings->token_url, "client_id",
		settings->client_id, "access_token", tokens->access, "end_time", (json_int_t)tokens->end_time,
		"refresh_token", in_keyring ? "" : tokens->refresh, "keyring", in_keyring);
	char *text = object != NULL ? json_dumps(object, JSON_INDENT(1)) : NULL;
	int result;

	json_decref(object);
	if (text == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for tokens");
	result = file_replace(path, directory, text, error);
	secret_wipe(text, strlen(text));
	free(text);
	return result;
}

int
oauth_tokens_save(const struct oauth_tokens *tokens, const struct account *account,
    const struct oauth_settings *settings, const char *state_directory, char place[PATH_SIZE],
    struct error *error)
{
	char path[PATH_SIZE], service[PATH_SIZE + TEXT_SIZE], label[USER_SIZE + TEXT_SIZE];
	struct error ignored;
	bool in_keyring;

	if (token_path(path, account, state_directory, error) != 0 ||
	    directory_make(state_directory, error) != 0)
		return -1;
	keyring_service(service, settings);
	snprintf(label, sizeof(label), "restante: mail of %s", account->user);
	/* A keyring that is there and does not take it is as none. */
	in_keyring = tokens->refresh[0] != '\0' && desktop_keyring_is_there() &&
		     desktop_keyring_store(service, account->name, label, tokens->refresh, &ignored) == 0;
	if (file_write(tokens, settings, in_keyring, path, state_directory, error) != 0)
		return -1;
	if (place != NULL)
		snprintf(place, PATH_SIZE, "%s", in_keyring ? "the desktop's keyring" : path);
	return 0;
}
