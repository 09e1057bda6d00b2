/* What the last field of a line says about its user's quota. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "users/quota.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

static void
test_fields(void **state)
{
	static const struct {
		const char *extra;
		const char *problem;	/* a word of it; NULL: there is none */
		struct user_quota quota;
	} cases[] = {
		{ "", NULL, { .given = false } },
		{ "   ", NULL, { .given = false } },
		{ "mail=maildir:~/m proxy=y", NULL, { .given = false } },
		{ "userdb_quota_rule=*:storage=1G:messages=10000", NULL, { true, GIB, 10000 } },
		{ "quota_rule=*:storage=1G", NULL, { true, GIB, 0 } },
		{ "a=b quota_rule=*:messages=7 c=d", NULL, { true, 0, 7 } },
		{ "quota_rule=*:storage=5", NULL, { true, 5 * KIB, 0 } },
		{ "quota_rule=*:storage=5B", NULL, { true, 5, 0 } },
		{ "quota_rule=*:storage=5k", NULL, { true, 5 * KIB, 0 } },
		{ "quota_rule=*:storage=5M", NULL, { true, 5 * MIB, 0 } },
		{ "quota_rule=*:storage=5t", NULL, { true, 5 * TIB, 0 } },
		{ "quota_rule=*:bytes=5", NULL, { true, 5, 0 } },
		{ "quota_rule=*:bytes=5K", NULL, { true, 5 * KIB, 0 } },
		{ "quota_rule=*:storage=0", NULL, { true, 0, 0 } },
		{ "quota_rule=*:storage=18014398509481983", NULL, { true, 18014398509481983u * KIB, 0 } },
		/* Later ones add to it, or go before it. */
		{ "quota_rule=*:storage=1M quota_rule2=*:messages=3", NULL, { true, MIB, 3 } },
		{ "quota_rule=*:storage=1M\tquota_rule2=*:storage=2M", NULL, { true, 2 * MIB, 0 } },
		/* What is for other mailboxes. */
		{ "userdb_quota_rule2=Trash:storage=+100M", NULL, { .given = false } },
		{ "quota_rule=*:storage=1M quota_rule2=Trash:ignore", NULL, { true, MIB, 0 } },
		/* Other words. */
		{ "quota_rules=*:storage=x quota_rul=1 userdb_quota=maildir xquota_rule=*:x", NULL,
		    { .given = false } },
		/* What cannot be used leaves no limit at all. */
		{ "quota_rule=*", "no limit", { true, 0, 0 } },
		{ "quota_rule=*:", "only storage=", { true, 0, 0 } },
		{ "quota_rule=*:storage=", "a number", { true, 0, 0 } },
		{ "quota_rule=*:storage=20%", "%", { true, 0, 0 } },
		{ "quota_rule=*:storage=-1", "a number", { true, 0, 0 } },
		{ "quota_rule=*:storage=+1M", "a number", { true, 0, 0 } },
		{ "quota_rule=*:storage=1P", "a number", { true, 0, 0 } },
		{ "quota_rule=*:storage=1GB", "a number", { true, 0, 0 } },
		{ "quota_rule=*:storage=1.5G", "a number", { true, 0, 0 } },
		{ "quota_rule=*:storage=18014398509481984", "a number", { true, 0, 0 } },
		{ "quota_rule=*:bytes=18446744073709551616", "a number", { true, 0, 0 } },
		{ "quota_rule=*:bytes=100000000000000000000000", "a number", { true, 0, 0 } },
		{ "quota_rule=*:storage=1M:messages=many", "a number", { true, 0, 0 } },
		{ "quota_rule=*:ignore", "only storage=", { true, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct user_quota quota = { .octets = 99 };
		const char *problem = quota_take(&quota, cases[i].extra);

		print_message("%s\n", cases[i].extra);
		assert_int_equal(problem != NULL, cases[i].problem != NULL);
		if (problem != NULL)
			assert_non_null(strstr(problem, cases[i].problem));
		assert_int_equal(quota.given, cases[i].quota.given);
		assert_int_equal(quota.octets, cases[i].quota.octets);
		assert_int_equal(quota.messages, cases[i].quota.messages);
	}
}

static void
test_a_long_word(void **state)
{
	char extra[2000];
	struct user_quota quota;

	(void)state;
	memset(extra, 'x', sizeof(extra));
	extra[sizeof(extra) - 1] = '\0';
	assert_null(quota_take(&quota, extra));
	assert_false(quota.given);
	memcpy(extra, "quota_rule=*:storage=", 21);
	assert_non_null(quota_take(&quota, extra));
	assert_true(quota.given);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_a_long_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
