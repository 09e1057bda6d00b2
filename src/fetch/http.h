/* Inside src/fetch: the one kind of request that OAuth 2 makes, by libcurl. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define HTTP_BODY_SIZE 65536

struct http_field {
	const char *name, *value;	/* an empty value: left out */
};

/*
 * POSTs a form (ended by a NULL name) and gives the status and the body, NUL-terminated, of at most
 * HTTP_BODY_SIZE - 1 octets. https only, by the certificates that the system trusts, and no redirects: the
 * form holds secrets. is_plain: http to 127.0.0.1 or [::1] is good, too. ERROR_PERMANENT: the URL may not
 * be used; ERROR_TEMPORARY: no answer, or too long a one. May wait for a minute.
 */
int http_post(const char *url, bool is_plain, const struct http_field fields[], long *status,
    char body[HTTP_BODY_SIZE], struct error *);
