/* See secret.h: one row per source of a password. */

#include "fetch/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/number.h"
#include "base/secret.h"
#include "config/value.h"
#include "fetch/netrc.h"
#include "fetch/oauth.h"
#include "fetch/secret_command.h"
#include "fetch/secret_file.h"
#include "fetch/secret_keyring.h"

static int
from_text(const struct account *account, char *buffer, size_t size, struct error *error)
{
	if ((size_t)snprintf(buffer, size, "%s", account->secret_value) < size)
		return 0;
	return error_set(error, ERROR_DENIED, "the password is longer than %zu octets", size - 1);
}

static int
from_command(const struct account *account, char *buffer, size_t size, struct error *error)
{
	return secret_command(
	    account->secret_value, "the password", NULL, SECRET_COMMAND_SECONDS, buffer, size, error);
}

static int
from_path(const char *path, bool is_private, char *buffer, size_t size, struct error *error)
{
	char *text = secret_file_read(path, is_private, error);
	int result;

	if (text == NULL)
		return -1;
	result = secret_first_line(text, path, buffer, size, error);
	secret_text_free(text);
	return result;
}

static int
from_file(const struct account *account, char *buffer, size_t size, struct error *error)
{
	return from_path(account->secret_value, true, buffer, size, error);
}

static int
from_descriptor(const struct account *account, char *buffer, size_t size, struct error *error)
{
	uint64_t descriptor = 0;

	(void)number_parse(account->secret_value, &descriptor);
	return secret_read((int)descriptor, buffer, size, error);
}

static int
from_keyring(const struct account *account, char *buffer, size_t size, struct error *error)
{
	const char *name = strchr(account->secret_value, ':') + 1;

	if (strncmp(account->secret_value, "kernel:", 7) == 0)
		return kernel_keyring_find(name, buffer, size, error);
	return desktop_keyring_find(name, account->user, buffer, size, error);
}

/* The directory is systemd's to protect: its modes look open where access lists close it. */
static int
from_credential(const struct account *account, char *buffer, size_t size, struct error *error)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_SIZE + sizeof(account->secret_value)];

	if (directory == NULL || directory[0] != '/')
		return error_set(error, ERROR_DENIED,
		    "there are no credentials; systemd hands `%s` only to a service that has LoadCredential=",
		    account->secret_value);
	snprintf(path, sizeof(path), "%s/%s", directory, account->secret_value);
	return from_path(path, false, buffer, size, error);
}

/* ERROR_GONE: there is no such file, or nothing for this account in it. */
static int
netrc_read(const struct account *account, const char *path, char *buffer, size_t size, struct error *error)
{
	struct error trouble;
	char *text = secret_file_read(path, false, error);
	bool is_found;

	if (text == NULL)
		return -1;
	is_found = netrc_find(text, account->host, account->user, buffer, size);
	secret_text_free(text);
	if (!is_found)
		return error_set(
		    error, ERROR_GONE, "%s has no password for %s at %s", path, account->user, account->host);
	/* Only one that would be used must be a secret. */
	text = secret_file_read(path, true, &trouble);
	secret_text_free(text);
	if (text == NULL) {
		secret_wipe(buffer, size);
		return error_set(error, ERROR_DENIED, "%s", trouble.text);
	}
	return 0;
}

static int
from_netrc(const struct account *account, char *buffer, size_t size, struct error *error)
{
	return netrc_read(account, account->secret_value, buffer, size, error);
}

static int
from_terminal(const struct account *account, char *buffer, size_t size, struct error *error)
{
	int terminal = isatty(STDIN_FILENO) ? terminal_open(error) : -1, result;
	char question[USER_SIZE + HOST_SIZE + 32];

	if (terminal < 0)
		return error_set(error, ERROR_DENIED,
		    "nothing says where its password is, and there is nobody to ask; set password_command or "
		    "another way "
		    "of restante-config(5)");
	snprintf(question, sizeof(question), "Password of %s at %s", account->user, account->host);
	result = secret_ask(terminal, question, buffer, size, error);
	close(terminal);
	return result;
}

/* Where nothing is said: ~/.netrc, and then whoever sits there. */
static int
from_anywhere(const struct account *account, char *buffer, size_t size, struct error *error)
{
	const char *named = getenv("NETRC");
	char path[PATH_SIZE];

	if (home_expand(path, sizeof(path), named != NULL && named[0] != '\0' ? named : "~/.netrc")) {
		if (netrc_read(account, path, buffer, size, error) == 0)
			return 0;
		if (error->kind != ERROR_GONE)
			return -1;
	}
	return from_terminal(account, buffer, size, error);
}

static int (*const sources[])(const struct account *, char *buffer, size_t size, struct error *) = {
	[ACCOUNT_SECRET_NONE] = from_anywhere,
	[ACCOUNT_SECRET_COMMAND] = from_command,
	[ACCOUNT_SECRET_FILE] = from_file,
	[ACCOUNT_SECRET_FD] = from_descriptor,
	[ACCOUNT_SECRET_KEYRING] = from_keyring,
	[ACCOUNT_SECRET_CREDENTIAL] = from_credential,
	[ACCOUNT_SECRET_NETRC] = from_netrc,
	[ACCOUNT_SECRET_TEXT] = from_text,
};

bool
account_has_token(const struct account *account)
{
	return account->token_command[0] != '\0' || account->oauth[0] != '\0';
}

/* Whatever went wrong, nobody has to guess for whom. Without a password there is no login: ERROR_DENIED. */
static int
account_blame(const struct account *account, struct error *error)
{
	struct error reason = *error;

	return error_set(error, reason.kind == ERROR_TEMPORARY ? ERROR_TEMPORARY : ERROR_DENIED,
	    "account %s: %s", account->name, reason.text);
}

int
account_password(const struct account *account, char *buffer, size_t size, struct error *error)
{
	if (sources[account->secret](account, buffer, size, error) == 0)
		return 0;
	secret_wipe(buffer, size);
	return account_blame(account, error);
}

int
account_token(const struct account *account, const char *state_directory, bool is_forced, char *buffer,
    size_t size, struct error *error)
{
	int result;

	if (account->token_command[0] != '\0')
		result = secret_command(account->token_command, "the token",
		    is_forced ? "RESTANTE_TOKEN_REFUSED=1" : NULL, SECRET_COMMAND_SECONDS, buffer, size, error);
	else
		result = oauth_token(account, state_directory, is_forced, buffer, size, error);
	if (result == 0)
		return 0;
	secret_wipe(buffer, size);
	return account_blame(account, error);
}
