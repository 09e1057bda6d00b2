/* The schemes, and how each is checked; see password.h. */

#include "users/password.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/secret.h"
#include "users/cost.h"

struct scheme {
	const char *name;
	bool plain;
};

static const struct scheme schemes[] = {
	{ "PLAIN", true },
	{ "CLEAR", true },
	{ "CLEARTEXT", true },
	{ "CRYPT", false },
	{ "BLF-CRYPT", false },
	{ "SHA512-CRYPT", false },
	{ "SHA256-CRYPT", false },
	{ "MD5-CRYPT", false },
	{ "DES-CRYPT", false },
};

/*
 * What password_make() knows. Written down as Dovecot knows it, which has no name of its own for
 * yescrypt. The cost of bcrypt is not libxcrypt's default, which is that of 1999.
 */
static const struct maker {
	const char *name, *prefix, *written;
	unsigned long count;
} makers[] = {
	{ "YESCRYPT", "$y$", "{CRYPT}", 0 },
	{ "BLF-CRYPT", "$2y$", "{BLF-CRYPT}", 10 },
	{ "SHA512-CRYPT", "$6$", "{SHA512-CRYPT}", 0 },
	{ "SHA256-CRYPT", "$5$", "{SHA256-CRYPT}", 0 },
	{ "PLAIN", NULL, "{PLAIN}", 0 },
};

const char *const password_schemes[] = { "YESCRYPT", "BLF-CRYPT", "SHA512-CRYPT", "SHA256-CRYPT",
	"PLAIN", NULL };

/* Sets *text behind the scheme's name. NULL: unknown. */
static const struct scheme *
scheme_find(const char *stored, const char **text)
{
	static const struct scheme unnamed = { "", false };
	const char *end = strchr(stored, '}');

	if (stored[0] != '{') {
		*text = stored;
		return &unnamed;
	}
	for (size_t i = 0; end != NULL && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].name);

		if ((size_t)(end - stored) == length + 1 &&
		    strncasecmp(stored + 1, schemes[i].name, length) == 0) {
			*text = end + 1;
			return &schemes[i];
		}
	}
	return NULL;
}

const char *
password_problem(const char *stored)
{
	const char *text;
	const struct scheme *scheme = scheme_find(stored, &text);

	if (scheme == NULL)
		return "the password's {SCHEME} is not known here";
	if (*text == '\0')
		return "the password is empty";
	if (scheme->plain)
		return strlen(text) < PASSWORD_SIZE ? NULL : "the password is too long";
	if (strlen(text) >= CRYPT_OUTPUT_SIZE)
		return "the password hash is too long";
	/* What locks an account in /etc/shadow is no mistake: it just never matches. */
	if (*text == '!' || *text == '*')
		return NULL;
	if (crypt_checksalt(text) == CRYPT_SALT_INVALID)
		return "the password is not a hash that libxcrypt knows; write {PLAIN} before a "
		       "password in clear text";
	return NULL;
}

const char *
password_plain(const char *stored)
{
	const char *text;
	const struct scheme *scheme = scheme_find(stored, &text);

	return scheme != NULL && scheme->plain && *text != '\0' ? text : NULL;
}

/* In the same time wherever they differ, and whatever their lengths are. */
static bool
texts_equal(const char *a, const char *b)
{
	char x[CRYPT_OUTPUT_SIZE] = { 0 }, y[CRYPT_OUTPUT_SIZE] = { 0 };
	size_t a_size = strlen(a), b_size = strlen(b);
	bool equal;

	if (a_size >= sizeof(x) || b_size >= sizeof(y))
		return false;
	memcpy(x, a, a_size);
	memcpy(y, b, b_size);
	equal = secret_equal(x, y, sizeof(x));
	secret_wipe(x, sizeof(x));
	secret_wipe(y, sizeof(y));
	return equal;
}

/* Puts the hash of the password into output[CRYPT_OUTPUT_SIZE]. */
static bool
hash(const char *password, const char *setting, char *output)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *result;
	size_t size;
	bool made;

	if (data == NULL)
		return false;
	result = crypt_rn(password, setting, data, sizeof(*data));
	size = result == NULL ? 0 : strlen(result) + 1;
	made = result != NULL && result[0] != '*' && size <= CRYPT_OUTPUT_SIZE;
	if (made)
		memcpy(output, result, size);
	secret_wipe(data, sizeof(*data));
	free(data);
	return made;
}

bool
password_verify(const char *stored, const char *password)
{
	char output[CRYPT_OUTPUT_SIZE];
	const char *text;
	const struct scheme *scheme = scheme_find(stored, &text);

	if (scheme == NULL || *text == '\0')
		return false;
	if (scheme->plain)
		return texts_equal(text, password);
	return hash(password, text, output) && texts_equal(text, output);
}

uint64_t
password_cost_microseconds(const char *stored)
{
	const char *text;
	const struct scheme *scheme = scheme_find(stored, &text);

	return scheme == NULL || scheme->plain ? 0 : cost_microseconds(text);
}

static int
make_plain(char *stored, size_t size, const char *password, struct error *error)
{
	for (const char *p = password; *p != '\0'; p++)
		if (*p == ':' || (unsigned char)*p < 0x20 || *p == 0x7f)
			return error_set(error, ERROR_PERMANENT,
			    "a password with a colon or a control character cannot be stored in "
			    "clear");
	if ((size_t)snprintf(stored, size, "{PLAIN}%s", password) >= size)
		return error_set(error, ERROR_PERMANENT, "the password is too long");
	return 0;
}

static int
make_hash(
    char *stored, size_t size, const struct maker *maker, const char *password, struct error *error)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE], output[CRYPT_OUTPUT_SIZE];

	/* Without octets of ours libxcrypt takes the salt from the kernel. */
	if (crypt_gensalt_rn(maker->prefix, maker->count, NULL, 0, setting, sizeof(setting)) ==
	    NULL)
		return error_errno(
		    error, ERROR_PERMANENT, "cannot make a salt for %s", maker->name);
	if (!hash(password, setting, output))
		return error_set(error, ERROR_PERMANENT, "cannot make a hash with %s", maker->name);
	if ((size_t)snprintf(stored, size, "%s%s", maker->written, output) >= size)
		return error_set(error, ERROR_PERMANENT, "the hash is too long");
	return 0;
}

int
password_make(
    char *stored, size_t size, const char *scheme, const char *password, struct error *error)
{
	if (*password == '\0')
		return error_set(error, ERROR_PERMANENT, "the password is empty");
	if (strlen(password) >= PASSWORD_SIZE)
		return error_set(error, ERROR_PERMANENT, "the password is longer than %d octets",
		    PASSWORD_SIZE - 1);
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (strcasecmp(makers[i].name, scheme) != 0)
			continue;
		if (makers[i].prefix == NULL)
			return make_plain(stored, size, password, error);
		return make_hash(stored, size, &makers[i], password, error);
	}
	return error_set(error, ERROR_PERMANENT, "unknown scheme %s", scheme);
}
