/* See listing.h. */

#include "pop3/listing.h"

#include <ctype.h>
#include <string.h>

#include "base/number.h"
#include "pop3/word.h"

/* A size that cannot be is no reason to leave the mail alone: sizes are never relied on. */
static bool
octets_read(const char *word, uint64_t *octets)
{
	return number_parse(word, octets) || (*octets = 0, false);
}

static bool
is_size(const char *word)
{
	if (*word == '-')
		word++;
	return *word != '\0' && word[strspn(word, "0123456789")] == '\0';
}

static int
two_numbers(struct listing *listing, char *line, uint64_t least, struct error *error)
{
	struct listing parsed = { 0 };
	char *rest = line, *word = word_take(&rest);

	if (!number_parse(word, &parsed.number) || parsed.number < least)
		return error_set(error, ERROR_PROTOCOL, "\"%.40s\" where a number belongs", word);
	word = word_take(&rest);
	if (!is_size(word))
		return error_set(error, ERROR_PROTOCOL, "\"%.40s\" where a size belongs", word);
	parsed.is_octets_unknown = !octets_read(word, &parsed.octets);
	*listing = parsed;
	return 0;
}

int
listing_scan(struct listing *listing, char *line, struct error *error)
{
	return two_numbers(listing, line, 1, error);
}

int
listing_stat(struct listing *listing, char *text, struct error *error)
{
	return two_numbers(listing, text, 0, error);
}

int
listing_last(struct listing *listing, char *text, struct error *error)
{
	struct listing parsed = { 0 };
	char *rest = text, *word = word_take(&rest);

	if (!number_parse(word, &parsed.number))
		return error_set(error, ERROR_PROTOCOL, "\"%.40s\" where a number belongs", word);
	*listing = parsed;
	return 0;
}

static int
uidl_check(const char *uidl, size_t length, struct error *error)
{
	if (length == 0)
		return error_set(error, ERROR_PROTOCOL, "a message without an identifier");
	if (length > LISTING_UIDL_MAX)
		return error_set(error, ERROR_PROTOCOL, "an identifier of %zu octets; at most %d are taken",
		    length, LISTING_UIDL_MAX);
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)uidl[i]))
			return error_set(error, ERROR_PROTOCOL, "an identifier with a control character");
	return 0;
}

int
listing_uidl(struct listing *listing, char *line, struct error *error)
{
	struct listing parsed = { 0 };
	char *rest = line, *word = word_take(&rest);
	size_t length;

	if (!number_parse(word, &parsed.number) || parsed.number == 0)
		return error_set(error, ERROR_PROTOCOL, "\"%.40s\" where a number belongs", word);
	length = strlen(rest);
	while (length > 0 && (rest[length - 1] == ' ' || rest[length - 1] == '\t'))
		length--;
	if (uidl_check(rest, length, error) < 0)
		return -1;
	rest[length] = '\0';
	parsed.uidl = rest;
	*listing = parsed;
	return 0;
}
