/* See credentials.h. */

#include "fetch/credentials.h"

#include <pthread.h>
#include <string.h>

#include "base/secret.h"

/* Two accounts that ask for a passphrase do so one behind the other. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static bool
needs_none(const char *mechanism, size_t size)
{
	static const char *const names[] = { "EXTERNAL", "GSSAPI", "ANONYMOUS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == size && strncasecmp(names[i], mechanism, size) == 0)
			return true;
	return false;
}

/* Only mechanisms that need no secret are named. */
static bool
is_needless(const struct account *account)
{
	const char *word = account->mechanisms + strspn(account->mechanisms, " ");

	if (*word == '\0')
		return false;
	for (size_t size; *word != '\0'; word += size, word += strspn(word, " ")) {
		size = strcspn(word, " ");
		if (!needs_none(word, size))
			return false;
	}
	return true;
}

int
credentials_get(struct credentials *credentials, const struct account *account, const char *state_directory,
    struct error *error)
{
	int outcome;

	if (is_needless(account) || (credentials->is_there && !credentials->is_new_token_wanted))
		return 0;
	credentials->is_token = account_has_token(account);
	pthread_mutex_lock(&one_at_a_time);
	if (credentials->is_token)
		outcome = account_token(account, state_directory, credentials->is_new_token_wanted,
		    credentials->secret, sizeof(credentials->secret), error);
	else
		outcome = account_password(account, credentials->secret, sizeof(credentials->secret), error);
	pthread_mutex_unlock(&one_at_a_time);
	credentials->is_there = outcome == 0;
	credentials->is_new_token_wanted = false;
	return outcome;
}

void
credentials_rest(struct credentials *credentials, const struct account *account)
{
	if (credentials->is_token ||
	    (account->secret != ACCOUNT_SECRET_FD && account->secret != ACCOUNT_SECRET_NONE))
		credentials_wipe(credentials);
}

void
credentials_wipe(struct credentials *credentials)
{
	secret_wipe(credentials, sizeof(*credentials));
}
