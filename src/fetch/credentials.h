/*
 * What an account logs in with, for as long as it is needed again: a connection that was lost is made anew
 * without asking anybody twice.
 */
#pragma once

#include <stdbool.h>

#include "config/accounts.h"
#include "fetch/secret.h"

struct credentials {
	bool is_there;
	bool is_token;
	bool is_new_token_wanted; /* the one that is there was refused */
	char secret[TOKEN_SIZE];
};

/* Nothing is asked for where the account's mechanisms need none. Blocks; one caller at a time asks. */
int credentials_get(struct credentials *, const struct account *, const char *state_directory, struct error *);
/* A run is over: wiped, but for what cannot be had twice (a descriptor's line, what somebody has typed). */
void credentials_rest(struct credentials *, const struct account *);
void credentials_wipe(struct credentials *);
