/* Where maildrops are, and where they can never be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "users/place.h"

static const char users_text[] =
    "anna:{PLAIN}x:1000:1000::/home/anna\n"
    "anna@example.org:{PLAIN}x:5000:5000::/srv/mail/anna\n"
    "bert@example.org:{PLAIN}x:5000:5000::/srv/mail/bert\n"
    "homeless:{PLAIN}x:1001:1001\n"
    "rooted:{PLAIN}x:1002:1002::/\n"
    "wide1:{PLAIN}x:1003:1003::/a/wide1\n"
    "wide2:{PLAIN}x:1003:1003::/b/wide2\n"
    "dotted:{PLAIN}x:1004:1004::/home/../etc\n"
    "..:{PLAIN}x:1:1::/home/up\n"
    "../etc:{PLAIN}x:1:1::/home/up\n"
    "x@..:{PLAIN}x:1:1::/home/up\n"
    "a/b:{PLAIN}x:1:1::/home/up\n";

static void
test_places(void **state)
{
	static const struct {
		const char *user, *pattern, *place, *root;	/* place NULL: refused */
	} cases[] = {
		{ "anna", "maildir:%h/Maildir", "maildir:/home/anna/Maildir", "/home/anna" },
		{ "anna", "maildir:%h", "maildir:/home/anna", "/home/anna" },
		/* The directory of the file: locks and new files are made there. */
		{ "anna@example.org", "mbox:/var/mail/%n", "mbox:/var/mail/anna", "/var/mail" },
		{ "anna", "mbox:%h/mbox", "mbox:/home/anna/mbox", "/home/anna" },
		{ "anna@example.org", "maildir:%h", "maildir:/srv/mail/anna", "/srv/mail" },
		{ "wide1", "maildir:%h/m", "maildir:/a/wide1/m", "/a/wide1" },
		{ "wide2", "maildir:%h/m", "maildir:/b/wide2/m", "/b/wide2" },
		{ "rooted", "maildir:%h", NULL, NULL },
		{ "homeless", "maildir:%h", NULL, NULL },
		{ "homeless", "maildir:%h/Maildir", NULL, NULL },
		{ "rooted", "maildir:%h/Maildir", NULL, NULL },
		{ "dotted", "maildir:%h/Maildir", NULL, NULL },
		{ "anna@example.org", "maildir:/srv/mail/%d/%n",
		    "maildir:/srv/mail/example.org/anna", "/srv/mail" },
		{ "anna@example.org", "maildir:/srv/mail/u-%u/Maildir/",
		    "maildir:/srv/mail/u-anna@example.org/Maildir/", "/srv/mail" },
		{ "anna", "maildir:/srv/mail/%u", "maildir:/srv/mail/anna", "/srv/mail" },
		{ "homeless", "maildir:/srv/mail/%u", "maildir:/srv/mail/homeless", "/srv/mail" },
		{ "anna", "maildir:/srv/100%%/%u", "maildir:/srv/100%/anna", "/srv" },
		{ "anna", "mbox:/var/mail/%n", "mbox:/var/mail/anna", "/var/mail" },
		{ "anna", "maildir:/srv/shared", "maildir:/srv/shared", "/srv" },
		{ "anna", "maildir:/%u", "maildir:/anna", "/anna" },
		{ "anna", "maildir:/%u/new/", "maildir:/anna/new/", "/anna/new/" },
		{ "anna", "maildir:/srv/%h/x", NULL, NULL },
		{ "anna", "maildir:/srv/mail/%d/%n", NULL, NULL },	/* no domain */
		{ "anna", "maildir:relative/%u", NULL, NULL },
		{ "anna", "/srv/mail/%u", NULL, NULL },
		{ "anna", "maildir:", NULL, NULL },
		{ "anna", "maildir:/", NULL, NULL },
		{ "anna", "maildir:/srv/../%u", NULL, NULL },
		{ "anna", "maildir:/srv/%x", NULL, NULL },
		{ "anna", "maildir:/srv/%u%", NULL, NULL },
		{ "..", "maildir:/srv/mail/%u", NULL, NULL },
		{ "..", "maildir:%h", NULL, NULL },
		{ "../etc", "maildir:/srv/mail/%u", NULL, NULL },
		{ "x@..", "maildir:/srv/mail/%d/%n", NULL, NULL },
		{ "a/b", "maildir:/srv/mail/%u", NULL, NULL },
	};
	struct users *users;
	struct error error;

	(void)state;
	assert_int_equal(
	    users_parse(&users, users_text, sizeof(users_text) - 1, NULL, NULL, &error), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct user *user = users_find(users, cases[i].user);
		char place[PLACE_SIZE] = "untouched", root[PLACE_SIZE] = "untouched";
		int result = place_expand(place, cases[i].pattern, user, &error);

		print_message("%s %s\n", cases[i].user, cases[i].pattern);
		assert_int_equal(result, cases[i].place == NULL ? -1 : 0);
		if (result < 0) {
			assert_int_equal(error.kind, ERROR_PERMANENT);
			assert_string_equal(place, "untouched");
			continue;
		}
		assert_string_equal(place, cases[i].place);
		assert_int_equal(place_root(root, cases[i].pattern, place, users, user, &error), 0);
		assert_string_equal(root, cases[i].root);
	}
	users_free(users);
}

static void
test_long_places(void **state)
{
	char name[USER_SIZE], pattern[PLACE_SIZE] = "maildir:/srv", place[PLACE_SIZE];
	struct user user = { .name = name, .home = "" };
	struct error error;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < 3; i++)
		strcat(pattern, "/%u");
	assert_int_equal(place_expand(place, pattern, &user, &error), 0);
	strcat(pattern, "/%u");
	assert_int_equal(place_expand(place, pattern, &user, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
}

static void
test_below(void **state)
{
	(void)state;
	assert_true(place_is_below("maildir:/srv/mail/anna", "/srv/mail"));
	assert_true(place_is_below("maildir:/srv/mail", "/srv/mail"));
	assert_false(place_is_below("maildir:/srv/mailbox", "/srv/mail"));
	assert_false(place_is_below("maildir:/srv", "/srv/mail"));
	assert_false(place_is_below("nothing", "/srv"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_long_places),
		cmocka_unit_test(test_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
