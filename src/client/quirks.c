/* See quirks.h. */

#include "client/quirks.h"

#include <string.h>

#include "client/engine.h"

const struct quirk_row quirks[QUIRK_COUNT] = {
	[QUIRK_BARE_OK] = { "bare +OK", "old servers (RFC 1957)",
	  "+OK with nothing behind it, not even a space", true },
	[QUIRK_BARE_PLUS] = { "bare +", "several",
	  "a challenge of a plus alone is an empty one", true },
	[QUIRK_UNDERSCORES] = { "underscores", "seen by Mozilla",
	  "RESP_CODES and AUTH_RESP_CODE in CAPA", true },
	[QUIRK_WIDE_UIDL] = { "wide UIDL", "Comcast's Maillennium",
	  "several spaces in a line of UIDL", true },
	[QUIRK_NEGATIVE_SIZE] = { "negative size", "seen by MailKit",
	  "STAT counts octets in 32 bits; the size is not known", true },
	[QUIRK_LF] = { "LF alone", "small servers",
	  "lines end with LF; then messages do too", true },
	[QUIRK_OK_FOR_CHALLENGE] = { "+OK for a challenge", "Exchange 2003",
	  "+OK answers AUTH where an empty challenge belongs: no success, for nothing was said yet", false },
	[QUIRK_XOAUTH2_IN_TWO_STEPS] = { "XOAUTH2 in two steps", "Microsoft 365",
	  "no initial response: it goes behind an empty challenge", false },
	[QUIRK_INITIAL_RESPONSE_IGNORED] = { "initial response ignored", "servers of RFC 1734's age",
	  "an empty challenge comes all the same: the response is said again", false },
	[QUIRK_RESPONSE_TAKEN_FROM_COMMAND] = { "a command taken for a response", "the same, with PIPELINING",
	  "the command that left behind AUTH is said again behind the next login, step by step", false },
	[QUIRK_OFFER_SHRINKS] = { "offer shrinks", "Dovecot, Cyrus",
	  "CAPA after the login leaves out SASL, USER and STLS: what was known stays known", false },
	[QUIRK_PIPELINING_LATE] = { "PIPELINING late", "Gmail",
	  "announced after the login only: CAPA is asked again", false },
	[QUIRK_NOTHING_ANNOUNCED] = { "nothing announced", "hMailServer",
	  "neither SASL nor USER in CAPA: USER is tried, since RFC 1939 demands some way in", false },
	[QUIRK_EMPTY_PROMISE] = { "empty promise", "several",
	  "a mechanism is announced and refused as unknown: the next one is tried", false },
	[QUIRK_NO_SECRET_STORED] = { "no secret stored", "qpopper, Courier",
	  "APOP or CRAM-MD5 for users whose password is stored hashed: one more way is tried", false },
	[QUIRK_OTHER_SECRETS] = { "other secrets", "Mailutils",
	  "a timestamp for all, and [AUTH] for those who have no secret for APOP: one more way is tried", false },
	[QUIRK_OTHER_BINDING] = { "other binding", "Cyrus",
	  "with TLS 1.3 its channel binding is none that is defined, and -PLUS is a bad protocol", false },
	[QUIRK_INPUT_LOST_AT_LOGIN] = { "input lost at login", "Courier, Cyrus",
	  "PIPELINING is announced, and what leaves behind a login is thrown away: it waits, unless the "
	  "server is known to read it", false },
	[QUIRK_FAREWELL] = { "farewell", "Dovecot, Cyrus",
	  "-ERR to nothing before the connection is closed, after long silence or at a shutdown", false },
	[QUIRK_CLOSES_AT_CAPA] = { "closes at CAPA", "old servers, seen by fetchmail",
	  "the connection ends at CAPA: another one does without (blocking face only)", false },
};

bool
quirk_is_careful(const char *server)
{
	static const char *const names[] = { "restante", "Dovecot" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(server, names[i]) != NULL)
			return true;
	return false;
}

bool
quirk(struct restante_client *client, enum quirk which)
{
	if ((client->quirks & 1U << which) == 0)
		return false;
	client->quirks_met |= 1U << which;
	return true;
}
