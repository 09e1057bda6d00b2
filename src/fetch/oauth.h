/*
 * OAuth 2 for one account: what it takes to get tokens, getting them (RFC 8628, RFC 6749), keeping them.
 *
 * The access token is kept with its end in STATE/ACCOUNT.token, mode 0600, written whole or not at all.
 * The refresh token is in the desktop's keyring, or else in that file. Both are sent to the address alone
 * that they came from: an account whose oauth_token_url or client changes must log in again.
 *
 * Everything here may wait for the network.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/accounts.h"
#include "fetch/secret.h"

/* What the account and its provider say together. */
struct oauth_settings {
	const char *provider;		/* the account's, lent */
	char device_url[PATH_SIZE], token_url[PATH_SIZE], scope[PATH_SIZE];
	char client_id[LIST_SIZE], client_secret[LIST_SIZE];
	char note[PATH_SIZE];
	bool plain_http;
};

/* ERROR_PERMANENT: something is missing in the configuration; the text says what to add. */
int oauth_settings_load(struct oauth_settings *, const struct account *, struct error *);

struct oauth_tokens {
	char access[TOKEN_SIZE], refresh[TOKEN_SIZE];	/* empty: none */
	int64_t end_time;		/* of the access token, seconds since 1970 */
};

/* RFC 8628, section 3.2: what somebody is shown. */
struct oauth_device {
	char code[TOKEN_SIZE];		/* ours; the rest is for him */
	char user_code[TEXT_SIZE], url[PATH_SIZE];
	char complete_url[PATH_SIZE];	/* with the code in it; may be empty */
	uint64_t seconds, interval_seconds;
};

int oauth_device_begin(struct oauth_device *, const struct oauth_settings *, struct error *);
/*
 * Asks again and again, as often as the server allows, until somebody has said yes. ERROR_DENIED: he said
 * no, or nothing while the code was good.
 */
int oauth_device_wait(struct oauth_tokens *, struct oauth_device *, const struct oauth_settings *, struct error *);
/*
 * Another access token by tokens->refresh (RFC 6749, section 6), which may be replaced, too. ERROR_DENIED:
 * the provider wants a new login; ERROR_TEMPORARY: it cannot be reached, or not now.
 */
int oauth_refresh(struct oauth_tokens *, const struct oauth_settings *, struct error *);

/* ERROR_GONE: there are none, or they are another provider's or client's. */
int oauth_tokens_load(struct oauth_tokens *, const struct account *, const struct oauth_settings *,
    const char *state_directory, struct error *);
/* Durably. place: where the refresh token is, for people; may be NULL. */
int oauth_tokens_save(const struct oauth_tokens *, const struct account *, const struct oauth_settings *,
    const char *state_directory, char place[PATH_SIZE], struct error *);

/* What account_token() does for an account with oauth. */
int oauth_token(const struct account *, const char *state_directory, bool is_forced, char *buffer, size_t size,
    struct error *);
