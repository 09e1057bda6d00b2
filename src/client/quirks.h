/*
 * What real servers do that no RFC allows, and this client bears with. One row each in quirks.c, and a
 * test that names it in quirks_test.c, which holds the talk against a client that does not bear with it.
 * What is only a matter of reading a line is in pop3/ (response.h, listing.h, offer.h); it has its rows
 * too, marked so.
 */
#pragma once

#include <stdbool.h>

enum quirk {
	QUIRK_BARE_OK,
	QUIRK_BARE_PLUS,
	QUIRK_UNDERSCORES,
	QUIRK_WIDE_UIDL,
	QUIRK_NEGATIVE_SIZE,
	QUIRK_LF,
	QUIRK_OK_FOR_CHALLENGE,
	QUIRK_XOAUTH2_IN_TWO_STEPS,
	QUIRK_INITIAL_RESPONSE_IGNORED,
	QUIRK_RESPONSE_TAKEN_FROM_COMMAND,
	QUIRK_OFFER_SHRINKS,
	QUIRK_PIPELINING_LATE,
	QUIRK_NOTHING_ANNOUNCED,
	QUIRK_EMPTY_PROMISE,
	QUIRK_NO_SECRET_STORED,
	QUIRK_OTHER_SECRETS,
	QUIRK_OTHER_BINDING,
	QUIRK_INPUT_LOST_AT_LOGIN,
	QUIRK_FAREWELL,
	QUIRK_CLOSES_AT_CAPA,
	QUIRK_COUNT
};

struct quirk_row {
	const char *name;
	const char *server;	/* where it was seen */
	const char *what;
	bool is_of_lines;	/* pop3/ reads them so; there is no way to do without */
};

extern const struct quirk_row quirks[QUIRK_COUNT];

struct restante_client;

/* Is it borne with? Notes that it was met. */
bool quirk(struct restante_client *, enum quirk);
/* Who reads what leaves behind a login, by its greeting or IMPLEMENTATION. */
bool quirk_is_careful(const char *server);
