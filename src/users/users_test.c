/* Reading the users file: what a line may look like, and what the table answers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "users/users.h"

struct problems {
	size_t count, line, skipped;
	char text[256];
};

static void
note(void *context, size_t line, bool skipped, const char *problem)
{
	struct problems *problems = context;

	problems->count++;
	problems->skipped += skipped;
	problems->line = line;
	snprintf(problems->text, sizeof(problems->text), "%s", problem);
}

static struct users *
parse(const char *text, struct problems *problems)
{
	struct users *users = NULL;
	struct error error;

	memset(problems, 0, sizeof(*problems));
	assert_int_equal(users_parse(&users, text, strlen(text), note, problems, &error), 0);
	return users;
}

static void
test_lines(void **state)
{
	static const struct {
		const char *line, *problem;	/* a word of it; NULL: the line is good */
		struct user user;		/* name NULL: a comment */
	} cases[] = {
		{ "anna:{PLAIN}x:1000:1001::/home/anna::", NULL,
		    { "anna", "{PLAIN}x", "/home/anna", 1000, 1001, 1, { .given = false } } },
		{ "anna:{PLAIN}x:1000:1001:Anna B.:/home/anna:/bin/sh:mail=maildir:~/m a=b", NULL,
		    { "anna", "{PLAIN}x", "/home/anna", 1000, 1001, 1, { .given = false } } },
		{ "anna@example.org:{PLAIN}x:5000:5000", NULL,
		    { "anna@example.org", "{PLAIN}x", "", 5000, 5000, 1, { .given = false } } },
		{ "anna:{PLAIN}x:5000:5000::", NULL, { "anna", "{PLAIN}x", "", 5000, 5000, 1, { .given = false } } },
		{ "anna:{PLAIN}x:5000:5000::/home/anna/\r", NULL,
		    { "anna", "{PLAIN}x", "/home/anna", 5000, 5000, 1, { .given = false } } },
		{ "anna:{PLAIN}x:5000:5000::/", NULL, { "anna", "{PLAIN}x", "/", 5000, 5000, 1, { .given = false } } },
		{ "a b:!:4294967294:0", NULL, { "a b", "!", "", 4294967294, 0, 1, { .given = false } } },
		{ "", NULL, { .name = NULL } },
		{ "\r", NULL, { .name = NULL } },
		{ "# anna:{PLAIN}x:5000:5000", NULL, { .name = NULL } },
		{ ":{PLAIN}x:5000:5000", NULL, { .name = NULL } },
		{ "anna", "empty", { .name = NULL } },
		{ "anna:", "empty", { .name = NULL } },
		{ "anna:{PLAIN}x", "uid", { .name = NULL } },
		{ "anna:{PLAIN}x:5000", "gid", { .name = NULL } },
		{ "anna:{PLAIN}x:vmail:5000", "uid", { .name = NULL } },
		{ "anna:{PLAIN}x:-1:5000", "uid", { .name = NULL } },
		{ "anna:{PLAIN}x:4294967295:5000", "uid", { .name = NULL } },
		{ "anna:{PLAIN}x:4294968296:5000", "uid", { .name = NULL } },
		{ "anna:{PLAIN}x:5000: 5000", "gid", { .name = NULL } },
		{ "anna:{PLAIN}x:5000:5000::home/anna", "home", { .name = NULL } },
		{ "anna:{SSHA}x:5000:5000", "SCHEME", { .name = NULL } },
		{ "anna:x y z:5000:5000", "PLAIN", { .name = NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problems problems;
		struct users *users = parse(cases[i].line, &problems);
		const struct user *want = &cases[i].user, *user;

		print_message("%s\n", cases[i].line);
		assert_int_equal(problems.count, cases[i].problem != NULL);
		if (cases[i].problem != NULL)
			assert_non_null(strstr(problems.text, cases[i].problem));
		assert_int_equal(users_count(users), want->name != NULL);
		if (want->name != NULL) {
			user = users_find(users, want->name);
			assert_non_null(user);
			assert_ptr_equal(user, users_at(users, 0));
			assert_string_equal(user->password, want->password);
			assert_string_equal(user->home, want->home);
			assert_int_equal(user->uid, want->uid);
			assert_int_equal(user->gid, want->gid);
			assert_int_equal(user->line, want->line);
		}
		users_free(users);
	}
}

/* It goes with the line, is reported, and does not shut its user out. */
static void
test_a_quota(void **state)
{
	struct problems problems;
	struct users *users = parse("anna:{PLAIN}a:1:1::/h::a=b userdb_quota_rule=*:storage=2:messages=3\n"
				    "bert:{PLAIN}b:2:2::/h:quota_rule=*:storage=2\n"
				    "carl:{PLAIN}c:3:3::/h::quota_rule=*:storage=20%\n", &problems);

	(void)state;
	assert_true(users_find(users, "anna")->quota.given);
	assert_int_equal(users_find(users, "anna")->quota.octets, 2048);
	assert_int_equal(users_find(users, "anna")->quota.messages, 3);
	assert_false(users_find(users, "bert")->quota.given);
	assert_true(users_find(users, "carl")->quota.given);
	assert_int_equal(users_find(users, "carl")->quota.octets, 0);
	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.line, 3);
	assert_int_equal(problems.skipped, 0);
	assert_non_null(strstr(problems.text, "quota_rule"));
	users_free(users);
}

static void
test_a_bad_line_spoils_no_other(void **state)
{
	struct problems problems;
	struct users *users = parse("# head\n\nanna:{PLAIN}a:1:1\nbad\nbert:{PLAIN}b:2:2\r\n"
				    "anna:{PLAIN}second:3:3\ncarl:{PLAIN}c:4:4", &problems);

	(void)state;
	assert_int_equal(users_count(users), 3);
	assert_int_equal(problems.count, 2);
	assert_int_equal(problems.skipped, 2);
	assert_int_equal(problems.line, 6);
	assert_non_null(strstr(problems.text, "first"));
	assert_string_equal(users_find(users, "anna")->password, "{PLAIN}a");
	assert_int_equal(users_find(users, "bert")->line, 5);
	assert_int_equal(users_find(users, "carl")->uid, 4);
	assert_null(users_find(users, "bad"));
	assert_null(users_find(users, ""));
	assert_null(users_find(users, "Anna"));
	assert_null(users_find(users, "ann"));
	users_free(users);
}

static void
test_a_nul_and_long_names(void **state)
{
	static const char nul[] = "an\0na:{PLAIN}a:1:1\nbert:{PLAIN}b:2:2\n";
	struct problems problems = { 0 };
	char line[USER_SIZE + 40];
	struct users *users;
	struct error error;

	(void)state;
	assert_int_equal(users_parse(&users, nul, sizeof(nul) - 1, note, &problems, &error), 0);
	assert_int_equal(problems.count, 1);
	assert_int_equal(users_count(users), 1);
	users_free(users);

	for (size_t length = USER_SIZE - 1; length <= USER_SIZE; length++) {
		memset(line, 'a', length);
		strcpy(line + length, ":{PLAIN}a:1:1");
		users = parse(line, &problems);
		assert_int_equal(users_count(users), length < USER_SIZE);
		users_free(users);
	}
}

static void
test_an_empty_file(void **state)
{
	struct problems problems;
	struct users *users = parse("", &problems);
	char root[PLACE_SIZE];

	(void)state;
	assert_int_equal(users_count(users), 0);
	assert_null(users_find(users, "anna"));
	assert_null(users_dearest_password(users));
	assert_false(users_home_root(users, 0, root, sizeof(root)));
	users_free(users);
	users_free(NULL);
}

static void
test_many_users(void **state)
{
	enum { COUNT = 100000 };
	size_t size = 0, room = (size_t)COUNT * 64;
	char *text = malloc(room), name[32];
	struct problems problems;
	struct users *users;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		size += (size_t)snprintf(text + size, room - size,
		    "user%u@example.org:{PLAIN}p%u:%u:5000::/srv/%u\n", i, i, 10000 + i, i);
	users = parse(text, &problems);
	free(text);
	assert_int_equal(users_count(users), COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		const struct user *user;

		snprintf(name, sizeof(name), "user%u@example.org", i);
		user = users_find(users, name);
		assert_non_null(user);
		assert_int_equal(user->uid, 10000 + i);
	}
	assert_null(users_find(users, "user100000@example.org"));
	users_free(users);
}

static void
test_the_dearest(void **state)
{
	struct problems problems;
	struct users *users = parse("a:{PLAIN}a:1:1\nb:$6$abc$x:1:1\nc:{CRYPT}$y$j9T$abc$x:1:1\n"
				    "d:$1$abc$x:1:1\n", &problems);

	(void)state;
	assert_string_equal(users_dearest_password(users), "{CRYPT}$y$j9T$abc$x");
	users_free(users);
}

static void
test_home_roots(void **state)
{
	static const struct {
		const char *homes[3], *root;	/* NULL: none */
	} cases[] = {
		{ { "/home/anna" }, "/home/anna" },
		{ { "/home/anna/" }, "/home/anna" },
		{ { "/srv/mail/a", "/srv/mail/b" }, "/srv/mail" },
		{ { "/srv/mail/a", "/srv/mail/ab" }, "/srv/mail" },
		{ { "/srv/mail/ab", "/srv/mail/a" }, "/srv/mail" },
		{ { "/srv/mail", "/srv/mail/a" }, "/srv/mail" },
		{ { "/srv/mail/a", "/srv/mail" }, "/srv/mail" },
		{ { "/srv/mail/a", "/srv/mail/b", "/srv/other" }, "/srv" },
		{ { "/srv/mail/a", "/home/b" }, NULL },
		{ { "/srv", "/home", "/home" }, NULL },
		{ { "", "/home/a" }, "/home/a" },
		{ { "" }, NULL },
		{ { "/" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[400] = "other:{PLAIN}x:7:7::/elsewhere\n", root[PLACE_SIZE] = "";
		struct problems problems;
		struct users *users;
		bool found;

		for (size_t j = 0; j < 3 && cases[i].homes[j] != NULL; j++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
			    "u%zu:{PLAIN}x:5:5::%s\n", j, cases[i].homes[j]);
		users = parse(text, &problems);
		found = users_home_root(users, 5, root, sizeof(root));
		assert_int_equal(found, cases[i].root != NULL);
		assert_string_equal(root, found ? cases[i].root : "");
		assert_false(users_home_root(users, 6, root, sizeof(root)));
		users_free(users);
	}
}

static void
test_names_in_paths(void **state)
{
	static const struct {
		const char *name;
		bool fits;
	} cases[] = {
		{ "anna", true }, { "anna@example.org", true }, { "a.b", true }, { "..a", true },
		{ "...", true }, { "a@b@c", true }, { "\xc3\xa4", true }, { "a b", true },
		{ "", false }, { ".", false }, { "..", false }, { "a/b", false }, { "/", false },
		{ "../anna", false }, { "anna@..", false }, { "anna@.", false }, { "..@a", false },
		{ "@a", false }, { "a@", false }, { "@", false }, { "a\nb", false },
		{ "a\x7f", false }, { "a@b/c", false }, { "a\x01@b", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(users_name_fits_path(cases[i].name), cases[i].fits);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_a_quota),
		cmocka_unit_test(test_a_bad_line_spoils_no_other),
		cmocka_unit_test(test_a_nul_and_long_names),
		cmocka_unit_test(test_an_empty_file),
		cmocka_unit_test(test_many_users),
		cmocka_unit_test(test_the_dearest),
		cmocka_unit_test(test_home_roots),
		cmocka_unit_test(test_names_in_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
