/* What is right, what is wrong and why, and what costs the time of a hash. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/verify.h"

/* "secret", of few rounds. */
#define HASH                                                                                     \
	"$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EH" \
	"PlAKmFFlrjEwSXGo2kgY5hR2.peKEg2VGUqIJJu1"

/* RFC 1939, section 7: mrose's example. */
#define TIMESTAMP "<1896.697170952@dbc.mtview.ca.us>"
#define DIGEST    "c4c9334bac560ecc979e58001b3e22fb"

static const char hashed_file[] = "mrose:{PLAIN}tanstaaf:1:1\nanna:" HASH ":1:1\n"
				  "locked:!" HASH ":1:1\n";
static const char plain_file[] = "mrose:{PLAIN}tanstaaf:1:1\n";

static const struct {
	const char *name, *file;
	enum verify_method method;
	const char *user, *password, *timestamp;
	bool quick;
	const char *reason;
} cases[] = {
	{ "right, hashed", hashed_file, VERIFY_PASSWORD, "anna", "secret", "", false, NULL },
	{ "wrong, hashed", hashed_file, VERIFY_PASSWORD, "anna", "sekret", "", false, "password" },
	{ "empty, hashed", hashed_file, VERIFY_PASSWORD, "anna", "", "", false, "password" },
	{ "right, plain", hashed_file, VERIFY_PASSWORD, "mrose", "tanstaaf", "", true, NULL },
	{ "wrong, plain: costs a hash", hashed_file, VERIFY_PASSWORD, "mrose", "secret", "", false,
	    "password" },
	{ "unknown: costs a hash", hashed_file, VERIFY_PASSWORD, "nobody", "secret", "", false,
	    "unknown-user" },
	{ "unknown, and no such password either", hashed_file, VERIFY_PASSWORD, "nobody", "x", "",
	    false, "unknown-user" },
	{ "locked", hashed_file, VERIFY_PASSWORD, "locked", "secret", "", false, "password" },
	{ "wrong, no hash in the file", plain_file, VERIFY_PASSWORD, "mrose", "x", "", true,
	    "password" },
	{ "unknown, no hash in the file", plain_file, VERIFY_PASSWORD, "nobody", "x", "", true,
	    "unknown-user" },
	{ "APOP", plain_file, VERIFY_APOP, "mrose", DIGEST, TIMESTAMP, true, NULL },
	{ "APOP, another timestamp", plain_file, VERIFY_APOP, "mrose", DIGEST, "<1@a>", true,
	    "password" },
	{ "APOP in capitals", plain_file, VERIFY_APOP, "mrose", "C4C9334BAC560ECC979E58001B3E22FB",
	    TIMESTAMP, true, "password" },
	{ "APOP, one digit less", plain_file, VERIFY_APOP, "mrose", "c4c9334bac560ecc979e58001b3e22f",
	    TIMESTAMP, true, "password" },
	{ "APOP, one digit more", plain_file, VERIFY_APOP, "mrose", DIGEST "0", TIMESTAMP, true,
	    "password" },
	{ "APOP, nothing", plain_file, VERIFY_APOP, "mrose", "", TIMESTAMP, true, "password" },
	{ "APOP without a timestamp", plain_file, VERIFY_APOP, "mrose",
	    "b3aa0ba4e1f957e5f3ef356cfc147008", "", true, "password" },
	{ "APOP, only a hash", hashed_file, VERIFY_APOP, "anna", DIGEST, TIMESTAMP, true,
	    "no-plain-password" },
	{ "APOP, unknown", hashed_file, VERIFY_APOP, "nobody", DIGEST, TIMESTAMP, true,
	    "unknown-user" },
};

static void
test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verify_job job = { .method = cases[i].method };
		struct users_file file = { .generation = 9 };
		struct error error;
		bool quick;

		print_message("%s\n", cases[i].name);
		assert_int_equal(users_parse(&file.users, cases[i].file, strlen(cases[i].file), NULL,
				     NULL, &error), 0);
		snprintf(job.password, sizeof(job.password), "%s", cases[i].password);
		snprintf(job.timestamp, sizeof(job.timestamp), "%s", cases[i].timestamp);
		verify_prepare(&job, &file, users_find(file.users, cases[i].user));
		users_file_close(&file);
		quick = verify_quick(&job);
		assert_int_equal(quick, cases[i].quick);
		if (!quick) {
			job.job.run(&job.job);
			/* What the thread needed of the file is gone. */
			assert_int_equal(job.stored[0] | job.dearest[0], 0);
		}
		assert_int_equal(job.generation, 9);
		if (cases[i].reason == NULL)
			assert_null(job.reason);
		else
			assert_string_equal(job.reason, cases[i].reason);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_verdicts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
