/* What there is of oauth.h in a build without libcurl and jansson: the way to have tokens all the same. */

#include <sysexits.h>

#include "fetch/command.h"
#include "fetch/login.h"
#include "fetch/oauth.h"

int
oauth_token(const struct account *account, const char *state_directory, bool is_forced, char *buffer,
    size_t size, struct error *error)
{
	(void)state_directory;
	(void)is_forced;
	(void)buffer;
	(void)size;
	return error_set(error, ERROR_PERMANENT,
	    "this restante was built without OAuth 2, for which it needs libcurl and jansson; have another "
	    "program get tokens from %s, and set `token_command`",
	    account->oauth);
}

int
command_login(struct fetch_context *context, int argc, char **argv)
{
	(void)context;
	(void)argc;
	(void)argv;
	return command_fail(EX_UNAVAILABLE,
	    "this restante was built without OAuth 2, for which it needs libcurl and jansson; have another "
	    "program get tokens, and set `token_command`");
}
