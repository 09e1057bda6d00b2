/* Talks with each mechanism, from the first message to the verdict on its form. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sasl/sasl.h"

/* A literal with NULs in it, and its size. NONE: no initial response. */
#define MESSAGE(text) { (text), sizeof(text) - 1 }
#define NONE          { NULL, 0 }

#define A16  "aaaaaaaaaaaaaaaa"
#define A64  A16 A16 A16 A16
#define A255 A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa"

struct talk {
	const char *name, *mechanism;
	struct {
		const char *text;
		size_t size;
	} client[3];
	const char *challenges[3];	/* as many as there are before the verdict; NULL: none */
	enum sasl_result verdict;
	const char *authorization, *user, *password;
};

static const struct talk talks[] = {
	{ "PLAIN at once", "PLAIN", { MESSAGE("\0anna\0secret") }, { NULL }, SASL_VERIFY, "", "anna",
	    "secret" },
	{ "the name is case-insensitive", "plain", { MESSAGE("\0anna\0secret") }, { NULL },
	    SASL_VERIFY, "", "anna", "secret" },
	{ "PLAIN after an empty challenge", "PLAIN", { NONE, MESSAGE("\0anna\0secret") }, { "" },
	    SASL_VERIFY, "", "anna", "secret" },
	{ "an authorization identity", "PLAIN", { MESSAGE("bert\0anna\0secret") }, { NULL },
	    SASL_VERIFY, "bert", "anna", "secret" },
	{ "spaces belong to the password", "PLAIN", { MESSAGE("\0anna\0 a b ") }, { NULL },
	    SASL_VERIFY, "", "anna", " a b " },
	{ "the password keeps its octets", "PLAIN", { MESSAGE("\0\xc3\xa4\0\xc2\xaa") }, { NULL },
	    SASL_VERIFY, "", "\xc3\xa4", "\xc2\xaa" },
	{ "an empty message", "PLAIN", { MESSAGE("") }, { NULL }, SASL_BROKEN, "", "", "" },
	{ "an empty answer", "PLAIN", { NONE, MESSAGE("") }, { "" }, SASL_BROKEN, "", "", "" },
	{ "one NUL", "PLAIN", { MESSAGE("anna\0secret") }, { NULL }, SASL_BROKEN, "", "", "" },
	{ "three NULs", "PLAIN", { MESSAGE("\0anna\0secret\0") }, { NULL }, SASL_BROKEN, "", "", "" },
	{ "no name", "PLAIN", { MESSAGE("\0\0secret") }, { NULL }, SASL_BROKEN, "", "", "" },
	{ "no password", "PLAIN", { MESSAGE("\0anna\0") }, { NULL }, SASL_WRONG, "", "anna", "" },
	{ "Latin-1", "PLAIN", { MESSAGE("\0ann\xe4\0secr\xe9t") }, { NULL }, SASL_VERIFY, "",
	    "ann\xe4", "secr\xe9t" },
	{ "an emoji", "PLAIN", { MESSAGE("\0anna\0pass\xf0\x9f\x98\x80") }, { NULL }, SASL_VERIFY, "",
	    "anna", "pass\xf0\x9f\x98\x80" },
	{ "right to left and left to right", "PLAIN", { MESSAGE("\0anna\0\xd7\xa9\xd7\x9c" "ab") },
	    { NULL }, SASL_VERIFY, "", "anna", "\xd7\xa9\xd7\x9c" "ab" },
	{ "private use", "PLAIN", { MESSAGE("\0anna\0\xee\x80\x80") }, { NULL }, SASL_VERIFY, "",
	    "anna", "\xee\x80\x80" },
	{ "control characters", "PLAIN", { MESSAGE("\0anna\0\a\x7f") }, { NULL }, SASL_VERIFY, "",
	    "anna", "\a\x7f" },
	{ "the longest name", "PLAIN", { MESSAGE("\0" A255 "\0secret") }, { NULL }, SASL_VERIFY, "",
	    A255, "secret" },
	{ "a longer name", "PLAIN", { MESSAGE("\0" A255 "a\0secret") }, { NULL }, SASL_BROKEN, "",
	    "", "" },
	{ "a longer password", "PLAIN", { MESSAGE("\0anna\0" A255 "a") }, { NULL }, SASL_WRONG, "",
	    "anna", "" },
	{ "a longer authorization", "PLAIN", { MESSAGE(A255 "a\0anna\0a") }, { NULL }, SASL_BROKEN,
	    "", "", "" },
	{ "LOGIN asks twice", "LOGIN", { NONE, MESSAGE("anna"), MESSAGE("secret") },
	    { "Username:", "Password:" }, SASL_VERIFY, "", "anna", "secret" },
	{ "LOGIN with the name at once", "LOGIN", { MESSAGE("anna"), MESSAGE("secret") },
	    { "Password:" }, SASL_VERIFY, "", "anna", "secret" },
	{ "LOGIN without a name", "LOGIN", { NONE, MESSAGE("") }, { "Username:" }, SASL_BROKEN, "",
	    "", "" },
	{ "LOGIN with NUL in the name", "LOGIN", { MESSAGE("an\0na") }, { NULL }, SASL_BROKEN, "", "",
	    "" },
	{ "LOGIN with NUL in the password", "LOGIN", { MESSAGE("anna"), MESSAGE("a\0") },
	    { "Password:" }, SASL_BROKEN, "", "", "" },
	{ "LOGIN with a longer name", "LOGIN", { MESSAGE(A255 "a") }, { NULL }, SASL_BROKEN, "", "",
	    "" },
	{ "LOGIN with the longest password", "LOGIN", { MESSAGE("anna"), MESSAGE(A255) },
	    { "Password:" }, SASL_VERIFY, "", "anna", A255 },
	{ "LOGIN with a longer password", "LOGIN", { MESSAGE("anna"), MESSAGE(A255 "a") },
	    { "Password:" }, SASL_WRONG, "", "anna", "" },
	{ "LOGIN without a password", "LOGIN", { MESSAGE("anna"), MESSAGE("") }, { "Password:" },
	    SASL_WRONG, "", "anna", "" },
};

static void
hold_talk(const struct talk *talk)
{
	struct sasl_credentials credentials;
	enum sasl_result result = SASL_CHALLENGE;
	struct error error;
	struct sasl *sasl;

	print_message("%s\n", talk->name);
	assert_int_equal(sasl_begin(&sasl, talk->mechanism, &error), 0);
	for (size_t i = 0; result == SASL_CHALLENGE; i++) {
		char output[64];
		size_t size = sizeof(output);

		assert_in_range(i, 0, 2);
		result = sasl_step(sasl, talk->client[i].text, talk->client[i].size, output, &size,
		    &credentials);
		if (talk->challenges[i] == NULL) {
			assert_int_equal(result, talk->verdict);
			assert_int_equal(size, 0);
			break;
		}
		assert_int_equal(result, SASL_CHALLENGE);
		assert_int_equal(size, strlen(talk->challenges[i]));
		assert_memory_equal(output, talk->challenges[i], size);
	}
	assert_string_equal(credentials.authorization, talk->authorization);
	assert_string_equal(credentials.user, talk->user);
	assert_string_equal(credentials.password, talk->password);
	sasl_end(sasl);
}

static void
test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		hold_talk(&talks[i]);
}

static void
test_names(void **state)
{
	struct error error;
	struct sasl *sasl = NULL;

	(void)state;
	for (size_t i = 0; sasl_mechanisms[i] != NULL; i++) {
		assert_true(sasl_mechanism_known(sasl_mechanisms[i]));
		assert_int_equal(sasl_begin(&sasl, sasl_mechanisms[i], &error), 0);
		sasl_end(sasl);
	}
	assert_true(sasl_mechanism_known("login"));
	assert_false(sasl_mechanism_known("PLAI"));
	assert_false(sasl_mechanism_known(""));
	assert_true(sasl_mechanism_plaintext("PLAIN"));
	assert_true(sasl_mechanism_plaintext("login"));
	assert_true(sasl_mechanism_plaintext("unknown"));

	sasl = NULL;
	assert_int_equal(sasl_begin(&sasl, "GSSAPI", &error), -1);
	assert_int_equal(error.kind, ERROR_PROTOCOL);
	assert_null(sasl);
	sasl_end(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
