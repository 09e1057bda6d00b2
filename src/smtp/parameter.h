/* The parameters behind the path of MAIL and RCPT (RFC 5321, section 4.1.2). */
#pragma once

#include <stdbool.h>

#define PARAMETER_KEYWORD_SIZE 16	/* a longer one is not known to anybody here */

struct parameter {
	char keyword[PARAMETER_KEYWORD_SIZE];	/* in capitals; "" if it was too long */
	const char *value;			/* NUL-terminated; NULL: without "=" */
};

enum parameter_status { PARAMETER_NONE, PARAMETER_READY, PARAMETER_BAD };

/*
 * Cuts the next parameter off *text, in place. utf8: characters beyond ASCII may stand in values
 * (RFC 6531, section 3.3).
 */
enum parameter_status parameter_take(char **text, bool utf8, struct parameter *);

/* NOTIFY, RFC 3461, section 4.1. */
#define NOTIFY_NEVER   1u
#define NOTIFY_SUCCESS 2u
#define NOTIFY_FAILURE 4u
#define NOTIFY_DELAY   8u

/* False: not a value of NOTIFY. */
bool notify_parse(const char *value, unsigned *notify);
/* ORCPT, section 4.2: "rfc822;anna+2Blists@example.org", 500 octets at most. */
#define ORCPT_OCTETS_MAX 500
bool orcpt_valid(const char *value, bool utf8);
/* ENVID, section 4.4: 100 octets at most. */
#define ENVID_OCTETS_MAX 100
bool envid_valid(const char *value);
