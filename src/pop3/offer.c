/* See offer.h. */

#include "pop3/offer.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "pop3/word.h"

/* RFC 4422, section 3.1: letters, digits, hyphens and underscores, up to 20. */
static bool
is_mechanism(const char *name)
{
	size_t length = strlen(name);

	return length >= 1 && length <= 20 &&
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == length;
}

static void
take_sasl(struct offer *offer, char *rest)
{
	char *name;

	while (*(name = word_take(&rest)) != '\0') {
		size_t used = strlen(offer->mechanisms);

		for (char *octet = name; *octet != '\0'; octet++)
			*octet = (char)toupper((unsigned char)*octet);
		if (!is_mechanism(name) || offer_has_mechanism(offer, name) ||
		    used + 1 + strlen(name) >= sizeof(offer->mechanisms))
			continue;
		if (used > 0)
			offer->mechanisms[used++] = ' ';
		memcpy(offer->mechanisms + used, name, strlen(name) + 1);
	}
}

static bool
count_read(const char *word, long *count)
{
	uint64_t number;

	if (!number_parse(word, &number) || number > LONG_MAX)
		return false;
	*count = (long)number;
	return true;
}

static void
take_expire(struct offer *offer, char *rest)
{
	const char *word = word_take(&rest);

	if (strcasecmp(word, "NEVER") == 0)
		offer->expire_days = OFFER_NEVER;
	else if (!count_read(word, &offer->expire_days))
		offer->capabilities &= ~(unsigned)OFFER_EXPIRE;
	offer->is_expire_of_user = strcasecmp(word_take(&rest), "USER") == 0;
}

static void
take_login_delay(struct offer *offer, char *rest)
{
	if (!count_read(word_take(&rest), &offer->login_delay_seconds))
		offer->capabilities &= ~(unsigned)OFFER_LOGIN_DELAY;
	offer->is_delay_of_user = strcasecmp(word_take(&rest), "USER") == 0;
}

static void
take_implementation(struct offer *offer, char *rest)
{
	size_t used = 0;

	for (; *rest != '\0' && used < sizeof(offer->implementation) - 1; rest++)
		offer->implementation[used++] = iscntrl((unsigned char)*rest) ? '?' : *rest;
	offer->implementation[used] = '\0';
}

static void
take_utf8(struct offer *offer, char *rest)
{
	if (strcasecmp(word_take(&rest), "USER") == 0)
		offer->capabilities |= OFFER_UTF8_USER;
}

static const struct {
	const char *tag;
	enum offer_capability capability;
	void (*take)(struct offer *, char *rest);	/* its arguments; NULL: it has none that matter */
} tags[] = {
	{ "TOP", OFFER_TOP, NULL },
	{ "USER", OFFER_USER, NULL },
	{ "SASL", OFFER_SASL, take_sasl },
	{ "RESP-CODES", OFFER_RESP_CODES, NULL },
	{ "LOGIN-DELAY", OFFER_LOGIN_DELAY, take_login_delay },
	{ "PIPELINING", OFFER_PIPELINING, NULL },
	{ "EXPIRE", OFFER_EXPIRE, take_expire },
	{ "UIDL", OFFER_UIDL, NULL },
	{ "IMPLEMENTATION", OFFER_IMPLEMENTATION, take_implementation },
	{ "STLS", OFFER_STLS, NULL },
	{ "AUTH-RESP-CODE", OFFER_AUTH_RESP_CODE, NULL },
	{ "UTF8", OFFER_UTF8, take_utf8 },
	{ "LANG", OFFER_LANG, NULL },
};

void
offer_begin(struct offer *offer)
{
	*offer = (struct offer){ 0 };
}

void
offer_line(struct offer *offer, char *line)
{
	char *rest = line, *tag = word_take(&rest);

	for (char *octet = tag; *octet != '\0'; octet++)
		if (*octet == '_')
			*octet = '-';
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (strcasecmp(tag, tags[i].tag) != 0)
			continue;
		offer->capabilities |= tags[i].capability;
		if (tags[i].take != NULL)
			tags[i].take(offer, rest);
	}
}

bool
offer_has_mechanism(const struct offer *offer, const char *name)
{
	size_t length = strlen(name);

	for (const char *word = offer->mechanisms; *word != '\0'; word += strspn(word, " ")) {
		size_t size = strcspn(word, " ");

		if (size == length && strncasecmp(word, name, size) == 0)
			return true;
		word += size;
	}
	return false;
}
