/*
 * Passwords and tokens of an account, from where its configuration says.
 *
 * Both block: a command may ask somebody for a passphrase, a token may have to be refreshed over the
 * network, and where no source is configured and there is a terminal, somebody is asked. One call at a
 * time, of all accounts together. The caller wipes the buffer (base/secret.h). A descriptor gives its
 * line once: who needs the password again keeps it.
 */
#pragma once

#include <stdbool.h>

#include "config/accounts.h"

#define TOKEN_SIZE 8192		/* of an access token; those of some providers take 3,000 octets */

/* Is it a token that the account logs in with, and not a password? */
bool account_has_token(const struct account *);
/* ERROR_DENIED: there is none; the text says what to do. */
int account_password(const struct account *, char *buffer, size_t size, struct error *);
/*
 * An access token that has not expired. is_forced: one that is still good has been refused; get another.
 * state_directory: where the account's tokens are kept, see accounts_state_directory(). ERROR_DENIED:
 * somebody must run "restante login"; ERROR_TEMPORARY: later may do.
 */
int account_token(const struct account *, const char *state_directory, bool is_forced, char *buffer, size_t size,
    struct error *);
