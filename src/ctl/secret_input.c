/* See secret_input.h. */

#include "ctl/secret_input.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/secret.h"

static int
ask(int terminal, const char *question, const char *user, char password[PASSWORD_SIZE],
    struct error *error)
{
	char text[USER_SIZE + 64];

	snprintf(text, sizeof(text), "%s %s", question, user);
	return secret_ask(terminal, text, password, PASSWORD_SIZE, error);
}

static int
ask_twice(int terminal, const char *user, char password[PASSWORD_SIZE], struct error *error)
{
	char again[PASSWORD_SIZE] = "";
	int result = ask(terminal, "New password of", user, password, error);

	if (result == 0)
		result = ask(terminal, "Once more, the password of", user, again, error);
	if (result == 0 && strcmp(password, again) != 0)
		result = error_set(error, ERROR_PERMANENT, "the two passwords differ");
	secret_wipe(again, sizeof(again));
	return result;
}

int
secret_input(
    char password[PASSWORD_SIZE], int descriptor, const char *user, bool twice, struct error *error)
{
	int terminal, result;

	memset(password, 0, PASSWORD_SIZE);
	if (descriptor != SECRET_INPUT_TERMINAL)
		return secret_read(descriptor, password, PASSWORD_SIZE, error);
	terminal = terminal_open(error);
	if (terminal < 0)
		return error_set(error, ERROR_PERMANENT,
		    "there is no terminal to ask for the password: use --password-fd");
	result = twice ? ask_twice(terminal, user, password, error)
		       : ask(terminal, "Password of", user, password, error);
	close(terminal);
	return result;
}
