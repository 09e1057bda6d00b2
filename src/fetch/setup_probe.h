/* Inside src/fetch: what a server is like, seen without logging in. */
#pragma once

#include <stdbool.h>

#include <restante/result.h>

#include "config/accounts.h"

struct candidate {
	char host[HOST_SIZE];
	uint64_t port;
	enum account_security security;		/* never ACCOUNT_CLEAR */
	bool is_foreign;	/* DNS alone says that this host has the mail of another domain */
};

struct probe {
	bool is_good;		/* it speaks POP3, protected, and is who it should be */
	enum restante_result result;
	char error[512];	/* in words, where it is not good */
	char mechanisms[1024], protection[TEXT_SIZE], pin[TEXT_SIZE], implementation[256];
	bool has_user;		/* USER and PASS */
};

/* Connects, as the client does, up to where a password would be needed. pin: "" or the key to trust. */
void server_probe(struct probe *, const struct candidate *, const char *pin);
