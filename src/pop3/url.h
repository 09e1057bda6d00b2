/*
 * POP URLs (RFC 2384): "pop://user;AUTH=mech@host:port", and "pops://" for TLS from the first octet, which
 * other programs know. There is no place for a password in them, and none is taken.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/writer.h"

#define URL_MECHANISM_SIZE 32

struct pop_url {
	bool tls;			/* "pops" */
	char host[HOST_SIZE];		/* without the brackets of an IPv6 address */
	unsigned port;			/* 0: none given */
	char user[USER_SIZE];		/* "": none given */
	/* Upper case. "": none given, "*": any, "+APOP", or one of SASL's. */
	char mechanism[URL_MECHANISM_SIZE];
};

int pop_url_parse(struct pop_url *, const char *text, struct error *);
/* False: it does not fit the writer. */
bool pop_url_write(const struct pop_url *, struct writer *);
