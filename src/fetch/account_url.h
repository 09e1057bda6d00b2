/* An account from a POP URL on the command line. */
#pragma once

#include "config/accounts.h"

/*
 * Host, port, security, user and mechanism of "pop://user@host:port" or "pops://..." (RFC 2384), all else
 * as it is by default. The name is "user@host", with "_" for what cannot stand in the name of a file.
 * ERROR_PERMANENT: it is none, or it holds a password.
 */
int account_from_url(struct account *, const char *url, struct error *);
