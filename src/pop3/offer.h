/*
 * What a server announces: the lines of its reply to CAPA (RFC 2449, section 6; RFC 2595; RFC 3206;
 * RFC 5034; RFC 6856). Unknown lines are passed over. What is written differently in the field is taken
 * too: any case, underscores for hyphens, the same line twice.
 */
#pragma once

#include <stdbool.h>

#define OFFER_MECHANISMS_SIZE     1024
#define OFFER_IMPLEMENTATION_SIZE 256
#define OFFER_NEVER               (-1L)

/* The bits of enum restante_capability. */
enum offer_capability {
	OFFER_CAPA = 1 << 0,	/* set by whoever got a list at all */
	OFFER_TOP = 1 << 1,
	OFFER_USER = 1 << 2,
	OFFER_SASL = 1 << 3,
	OFFER_RESP_CODES = 1 << 4,
	OFFER_LOGIN_DELAY = 1 << 5,
	OFFER_PIPELINING = 1 << 6,
	OFFER_EXPIRE = 1 << 7,
	OFFER_UIDL = 1 << 8,
	OFFER_IMPLEMENTATION = 1 << 9,
	OFFER_STLS = 1 << 10,
	OFFER_AUTH_RESP_CODE = 1 << 11,
	OFFER_UTF8 = 1 << 12,
	OFFER_UTF8_USER = 1 << 13,
	OFFER_LANG = 1 << 14,
	OFFER_APOP = 1 << 15,	/* set by whoever saw the greeting */
};

struct offer {
	unsigned capabilities;
	/* Upper case, a space between two; what does not fit is left out. */
	char mechanisms[OFFER_MECHANISMS_SIZE];
	char implementation[OFFER_IMPLEMENTATION_SIZE];	/* cut where it is longer; no controls */
	long expire_days;		/* OFFER_NEVER: mail stays */
	bool is_expire_of_user;		/* it may be another one after the login: ask again */
	long login_delay_seconds;
	bool is_delay_of_user;
};

void offer_begin(struct offer *);
/* One line of the list, without its end; changed in place. */
void offer_line(struct offer *, char *line);
/* Case does not count. */
bool offer_has_mechanism(const struct offer *, const char *name);
