/* Each scheme: what it accepts, what is wrong with a stored text, what password_make() makes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/limits.h"
#include "users/password.h"

/* Hashes of "secret", made by Dovecot's doveadm pw; yescrypt by libxcrypt. */
#define HASH_MD5      "$1$CBQJJCEX$vB/jv41Y9PedRFS9/g/YG/"
#define HASH_SHA256   \
	"$5$rounds=1000$cJy1lKiMu7qgJTV2$xecUR2QqzZLIihf4dGJGaGJrbaKM" \
	"LOVWbuCuDuBn4VB"
#define HASH_SHA512   \
	"$6$rounds=1000$h8RjS70ciV6QdD8R$QzhAU/rcatYBusxOaMfo2Ug94Pey" \
	"CbTxDBFg74or82uRFjEcjy8upxFbZXwb2dqyb2/GU4mq23KA5QNjawYGf."
#define HASH_BCRYPT   "$2y$04$sfV.KNdIlIjPuIUaBWf4lOTDl8wYDp7hyt4bXAs9Vm9Zmh6Q0rnYC"
#define HASH_YESCRYPT "$y$j75$abcdefghijklmnop$vZlXu1XtxOBWRxjOpQqONp1WYfMO0dN.H4xeSMU2ZvC"

static void
test_verify(void **state)
{
	static const struct {
		const char *stored, *password;
		bool right;
	} cases[] = {
		{ "{PLAIN}secret", "secret", true },
		{ "{plain}secret", "secret", true },
		{ "{CLEAR}secret", "secret", true },
		{ "{CLEARTEXT}secret", "secret", true },
		{ "{PLAIN}secret", "Secret", false },
		{ "{PLAIN}secret", "secre", false },
		{ "{PLAIN}secret", "secret2", false },
		{ "{PLAIN}secret", "", false },
		{ "{PLAIN}", "", false },
		{ "{PLAIN}{CRYPT}x", "{CRYPT}x", true },
		{ "", "", false },
		{ "{CRYPT}", "", false },
		{ "{CRYPT}!", "!", false },
		{ "{CRYPT}*0", "*0", false },
		{ "{CRYPT}*0", "", false },
		{ "*", "*", false },
		{ "{UNKNOWN}secret", "secret", false },
		{ "{PLAIN", "", false },
		{ "secret", "secret", false },
		{ "{MD5-CRYPT}$1$K8PmNX.I$", "", false },
		{ HASH_MD5, "secret", true },
		{ HASH_MD5, "secret ", false },
		{ "{MD5-CRYPT}" HASH_MD5, "secret", true },
		{ "{CRYPT}" HASH_SHA256, "secret", true },
		{ "{SHA256-CRYPT}" HASH_SHA256, "secret", true },
		{ "{SHA256-CRYPT}" HASH_SHA256, "", false },
		{ "{SHA512-CRYPT}" HASH_SHA512, "secret", true },
		{ "{SHA512-CRYPT}" HASH_SHA512, "Secret", false },
		{ "{BLF-CRYPT}" HASH_BCRYPT, "secret", true },
		{ "{blf-crypt}" HASH_BCRYPT, "secret1", false },
		{ "{CRYPT}" HASH_YESCRYPT, "secret", true },
		{ HASH_YESCRYPT, "secret", true },
		{ HASH_YESCRYPT, "sekret", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s \"%s\"\n", cases[i].stored, cases[i].password);
		assert_int_equal(password_verify(cases[i].stored, cases[i].password), cases[i].right);
	}
}

static void
test_problems(void **state)
{
	char long_password[300] = "{PLAIN}", long_hash[600] = "$6$";
	static const struct {
		const char *stored, *word;	/* a word of the complaint; NULL: none */
	} cases[] = {
		{ "{PLAIN}secret", NULL },
		{ HASH_YESCRYPT, NULL },
		{ "{SHA512-CRYPT}" HASH_SHA512, NULL },
		{ "!", NULL },
		{ "{CRYPT}*", NULL },
		{ "", "empty" },
		{ "{PLAIN}", "empty" },
		{ "{SSHA}abc", "SCHEME" },
		{ "{PLAIN", "SCHEME" },
		{ "{PLAI}x", "SCHEME" },
		{ "{CRYPT}$x$abc", "hash" },
		{ "correct horse", "PLAIN" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *problem = password_problem(cases[i].stored);

		print_message("%s: %s\n", cases[i].stored, problem == NULL ? "fine" : problem);
		assert_int_equal(problem == NULL, cases[i].word == NULL);
		if (problem != NULL)
			assert_non_null(strstr(problem, cases[i].word));
	}
	memset(long_password + strlen(long_password), 'a', PASSWORD_SIZE);
	assert_non_null(password_problem(long_password));
	memset(long_hash + strlen(long_hash), 'a', 500);
	assert_non_null(password_problem(long_hash));
	assert_false(password_verify(long_hash, "a"));
}

static void
test_plain(void **state)
{
	(void)state;
	assert_string_equal(password_plain("{PLAIN}secret"), "secret");
	assert_string_equal(password_plain("{cleartext} a"), " a");
	assert_null(password_plain("{PLAIN}"));
	assert_null(password_plain("{CRYPT}abc"));
	assert_null(password_plain("abc"));
	assert_null(password_plain(""));
	assert_int_equal(password_cost_microseconds("{PLAIN}$y$j9T$x"), 0);
	assert_true(password_cost_microseconds(HASH_YESCRYPT) > 0);
}

static void
test_make(void **state)
{
	char stored[PASSWORD_STORED_SIZE], other[PASSWORD_STORED_SIZE], long_password[PASSWORD_SIZE + 1];
	struct error error;

	(void)state;
	for (size_t i = 0; password_schemes[i] != NULL; i++) {
		const char *scheme = password_schemes[i];

		assert_int_equal(password_make(stored, sizeof(stored), scheme, "secret", &error), 0);
		assert_int_equal(password_make(other, sizeof(other), scheme, "secret", &error), 0);
		print_message("%s\n", stored);
		assert_null(password_problem(stored));
		assert_true(password_verify(stored, "secret"));
		assert_false(password_verify(stored, "Secret"));
		/* A salt of its own each time, unless there is none. */
		assert_int_equal(strcmp(stored, other) == 0, password_plain(stored) != NULL);
		assert_int_equal(password_make(stored, sizeof(stored), scheme, "", &error), -1);
		assert_int_equal(password_make(stored, 8, scheme, "secret", &error), -1);
	}
	assert_int_equal(password_make(stored, sizeof(stored), "yescrypt", "a:b", &error), 0);
	assert_int_equal(password_make(stored, sizeof(stored), "PLAIN", "a:b", &error), -1);
	assert_int_equal(password_make(stored, sizeof(stored), "PLAIN", "a\nb", &error), -1);
	assert_int_equal(password_make(stored, sizeof(stored), "SSHA", "secret", &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	memset(long_password, 'a', PASSWORD_SIZE);
	long_password[PASSWORD_SIZE] = '\0';
	assert_int_equal(password_make(stored, sizeof(stored), "YESCRYPT", long_password, &error), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
