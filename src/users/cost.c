/*
 * How much work a hash is, without doing it: the number of rounds stands in its setting, see
 * crypt(5). A check for an unknown user takes the dearest hash of the users file.
 */

#include "users/cost.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The digits of crypt(5); 0 for what is none. */
static unsigned
digit64(char c)
{
	static const char digits[] =
	    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	return found == NULL ? 0 : (unsigned)(found - digits);
}

static uint64_t
power(unsigned exponent)
{
	return (uint64_t)1 << (exponent < 32 ? exponent : 32);
}

/* "j9T$...": the flavour, then blocks of memory as 2^(n+1) times r+1. */
static uint64_t
yescrypt_blocks(const char *text)
{
	if (strlen(text) < 3)
		return 0;
	return power(digit64(text[1]) + 1) * (digit64(text[2]) + 1);
}

/* "CU..../....": 2^n, then r in five digits of which the first is enough. */
static uint64_t
scrypt_blocks(const char *text)
{
	return strlen(text) < 2 ? 0 : power(digit64(text[0])) * digit64(text[1]);
}

/* "y$10$...": 2^n rounds. */
static uint64_t
bcrypt_rounds(const char *text)
{
	return strlen(text) < 4 ? 0 : power((unsigned)atoi(text + 2));
}

/* "rounds=100000$...", or nothing of the kind. */
static uint64_t
sha_rounds(const char *text)
{
	static const char word[] = "rounds=";

	return strncmp(text, word, sizeof(word) - 1) != 0
		   ? 5000
		   : strtoul(text + sizeof(word) - 1, NULL, 10);
}

static uint64_t
one(const char *text)
{
	(void)text;
	return 1;
}

uint64_t
cost_microseconds(const char *hash)
{
	static const struct {
		const char *prefix;
		uint64_t (*count)(const char *text);
		uint64_t nanoseconds; /* for each */
	} methods[] = {
		{ "$y$", yescrypt_blocks, 150 },
		{ "$gy$", yescrypt_blocks, 150 },
		{ "$7$", scrypt_blocks, 370 },
		{ "$2", bcrypt_rounds, 48000 },
		{ "$6$", sha_rounds, 210 },
		{ "$5$", sha_rounds, 280 },
		{ "$sha1$", one, 130000000 },
		{ "$md5", one, 100000000 },
		{ "$1$", one, 140000 },
		{ "", one, 50000 },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t length = strlen(methods[i].prefix);

		if (strncmp(hash, methods[i].prefix, length) == 0)
			return methods[i].count(hash + length) * methods[i].nanoseconds / 1000;
	}
	return 0;
}
