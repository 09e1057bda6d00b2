/* See quota.h. */

#include "users/quota.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

#define WORD_SIZE 256

/* "1G" with octets in a unit of 1 where none is named. False: it is no such number, or too large. */
static bool
size_take(const char *text, uint64_t unit, uint64_t *octets)
{
	static const char letters[] = "BKMGT";
	size_t digits = strspn(text, "0123456789");
	char number[NUMBER_DIGITS_MAX + 1];
	const char *letter;

	if (digits == 0 || digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (text[digits] != '\0') {
		letter = strchr(letters, toupper((unsigned char)text[digits]));
		if (letter == NULL || text[digits + 1] != '\0')
			return false;
		unit = (uint64_t)1 << (10 * (letter - letters));
	}
	return number_parse(number, octets) && !__builtin_mul_overflow(*octets, unit, octets);
}

/* "storage=1G"; NULL, or what is wrong. */
static const char *
limit_take(struct user_quota *quota, const char *limit)
{
	static const struct {
		const char *word;
		uint64_t unit;
		size_t field;
	} limits[] = {
		{ "storage=", 1024, offsetof(struct user_quota, octets) },
		{ "bytes=", 1, offsetof(struct user_quota, octets) },
		{ "messages=", 1, offsetof(struct user_quota, messages) },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t size = strlen(limits[i].word);
		uint64_t *field = (uint64_t *)((char *)quota + limits[i].field);

		if (strncmp(limit, limits[i].word, size) != 0)
			continue;
		if (strchr(limit, '%') != NULL)
			return "quota_rule: a part of another quota (%) is not known here";
		return size_take(limit + size, limits[i].unit, field)
		    ? NULL
		    : "quota_rule: a limit is a number, with B, K, M, G or T behind it or nothing";
	}
	return "quota_rule: only storage=, bytes= and messages= can be limits";
}

/* "*:storage=1G:messages=10000", changed in place. */
static const char *
rule_take(struct user_quota *quota, char *rule)
{
	const char *problem = NULL, *mailbox = strsep(&rule, ":"), *limit;

	if (strcmp(mailbox, "*") != 0)
		return NULL;
	if (rule == NULL)
		return "quota_rule: no limit follows the *";
	quota->given = true;
	while (problem == NULL && (limit = strsep(&rule, ":")) != NULL)
		problem = limit_take(quota, limit);
	return problem;
}

/* What stands behind "quota_rule=", "userdb_quota_rule2=" and so on; NULL: another word. */
static const char *
rule_of(const char *word)
{
	static const char prefix[] = "userdb_", name[] = "quota_rule";

	if (strncmp(word, prefix, sizeof(prefix) - 1) == 0)
		word += sizeof(prefix) - 1;
	if (strncmp(word, name, sizeof(name) - 1) != 0)
		return NULL;
	word += sizeof(name) - 1;
	word += strspn(word, "0123456789");
	return *word == '=' ? word + 1 : NULL;
}

const char *
quota_take(struct user_quota *quota, const char *extra)
{
	struct user_quota taken = { .given = false };
	const char *problem = NULL, *rule;
	char word[WORD_SIZE];

	for (size_t size; problem == NULL && *(extra += strspn(extra, " \t")) != '\0'; extra += size) {
		size = strcspn(extra, " \t");
		rule = rule_of(extra);
		if (rule == NULL)
			continue;
		if (size >= sizeof(word)) {
			problem = "quota_rule: too long";
			continue;
		}
		memcpy(word, extra, size);
		word[size] = '\0';
		problem = rule_take(&taken, word + (rule - extra));
	}
	*quota = problem == NULL ? taken : (struct user_quota){ .given = true };
	return problem;
}
