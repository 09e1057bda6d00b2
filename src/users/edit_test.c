/* Editing changes what it should and not an octet more. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "users/edit.h"

static char directory[] = "/tmp/restante-edit-XXXXXX";
static char path[64], link_path[64], stale[64];

static void
write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *
read_file(void)
{
	static char text[65536];
	FILE *file = fopen(path, "r");
	size_t size;

	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	return text;
}

static mode_t
mode_of_file(void)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static int
add(const char *name, struct error *error)
{
	const struct user user = { .name = name, .password = "{PLAIN}n", .home = "/h", .uid = 5,
		.gid = 6 };

	return users_add(path, &user, NULL, error);
}

static int
set(const char *name, struct error *error)
{
	return users_set_password(path, name, "{PLAIN}new", error);
}

static int
delete(const char *name, struct error *error)
{
	return users_delete(path, name, error);
}

static void
test_edits(void **state)
{
	static const struct {
		int (*edit)(const char *name, struct error *);
		const char *name, *before, *after;	/* NULL: refused, nothing changes */
		enum error_kind kind;
	} cases[] = {
		{ add, "bert", "", "bert:{PLAIN}n:5:6::/h::\n", 0 },
		{ add, "bert", "# head\nanna:a:1:1\n", "# head\nanna:a:1:1\nbert:{PLAIN}n:5:6::/h::\n", 0 },
		{ add, "bert", "anna:a:1:1", "anna:a:1:1\nbert:{PLAIN}n:5:6::/h::\n", 0 },
		{ add, "bert", "berta:a:1:1\n", "berta:a:1:1\nbert:{PLAIN}n:5:6::/h::\n", 0 },
		{ add, "bert", "#bert:a:1:1\n", "#bert:a:1:1\nbert:{PLAIN}n:5:6::/h::\n", 0 },
		{ add, "bert", "bert:x:1:1\n", NULL, ERROR_BUSY },
		{ add, "bert", "anna:a:1:1\nbert:broken", NULL, ERROR_BUSY },
		{ add, "be:rt", "", NULL, ERROR_PERMANENT },
		{ add, "be\nrt", "", NULL, ERROR_PERMANENT },
		{ add, "", "", NULL, ERROR_PERMANENT },
		{ add, "#bert", "", NULL, ERROR_PERMANENT },
		{ set, "bert", "anna:a:1:1\nbert:old:2:2:g:/h:s:x=y:z\ncarl:c:3:3\n",
		    "anna:a:1:1\nbert:{PLAIN}new:2:2:g:/h:s:x=y:z\ncarl:c:3:3\n", 0 },
		{ set, "bert", "bert:old:2:2::/h::quota_rule=*:storage=1G:messages=5 a=b\n",
		    "bert:{PLAIN}new:2:2::/h::quota_rule=*:storage=1G:messages=5 a=b\n", 0 },
		{ set, "bert", "bert:old:2:2\r\n# tail", "bert:{PLAIN}new:2:2\r\n# tail", 0 },
		{ set, "bert", "bert:old:2:2", "bert:{PLAIN}new:2:2", 0 },
		{ set, "bert", "bert:old\r\n", "bert:{PLAIN}new\r\n", 0 },
		{ set, "bert", "bert:\n", "bert:{PLAIN}new\n", 0 },
		{ set, "bert", "bert::2:2\n", "bert:{PLAIN}new:2:2\n", 0 },
		{ set, "bert", "bert:a:1:1\nbert:b:2:2\n", "bert:{PLAIN}new:1:1\nbert:{PLAIN}new:2:2\n", 0 },
		{ set, "bert", "berta:a:1:1\nber:b:2:2\nbert\n", NULL, ERROR_GONE },
		{ delete, "bert", "anna:a:1:1\nbert:b:2:2\ncarl:c:3:3", "anna:a:1:1\ncarl:c:3:3", 0 },
		{ delete, "bert", "bert:b:2:2\n#\nbert:c:3:3", "#\n", 0 },
		{ delete, "bert", "bert:b:2:2", "", 0 },
		{ delete, "bert", "berta:b:2:2\n#bert:b:2:2\n", NULL, ERROR_GONE },
		{ delete, "", ":b:2:2\n", NULL, ERROR_PERMANENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = { .kind = ERROR_NONE };
		int result;

		print_message("%zu: %s\n", i, cases[i].before);
		write_file(cases[i].before);
		result = cases[i].edit(cases[i].name, &error);
		assert_int_equal(result, cases[i].after == NULL ? -1 : 0);
		assert_int_equal(error.kind, cases[i].kind);
		assert_string_equal(read_file(), result == 0 ? cases[i].after : cases[i].before);
		assert_int_equal(access(stale, F_OK), -1);
	}
}

static void
test_modes_and_owners(void **state)
{
	static const struct {
		mode_t before, after;
	} cases[] = { { 0600, 0600 }, { 0644, 0600 }, { 0640, 0640 }, { 0666, 0600 }, { 0400, 0600 } };
	struct error error;
	struct stat status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file("bert:b:2:2\n");
		assert_int_equal(chmod(path, cases[i].before), 0);
		if (geteuid() == 0)
			assert_int_equal(chown(path, 1234, 4321), 0);
		assert_int_equal(set("bert", &error), 0);
		assert_int_equal(mode_of_file(), cases[i].after);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_uid, geteuid() == 0 ? 1234 : geteuid());
		if (geteuid() == 0)
			assert_int_equal(status.st_gid, 4321);
		unlink(path);
	}
}

static void
test_a_new_file(void **state)
{
	const struct user user = { .name = "bert", .password = "{PLAIN}n", .home = "", .uid = 5, .gid = 6 };
	const struct users_owner owner = { geteuid() == 0 ? 77 : geteuid(), getegid() };
	struct error error;
	struct stat status;

	(void)state;
	assert_int_equal(set("bert", &error), -1);
	assert_int_equal(delete("bert", &error), -1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(users_add(path, &user, &owner, &error), 0);
	assert_string_equal(read_file(), "bert:{PLAIN}n:5:6::::\n");
	assert_int_equal(mode_of_file(), 0600);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, owner.uid);
	unlink(path);
	assert_int_equal(users_add("/nonexistent/users", &user, NULL, &error), -1);
	assert_int_equal(users_add(directory, &user, NULL, &error), -1);
}

static void
test_a_link_stays_a_link(void **state)
{
	struct error error;
	struct stat status;

	(void)state;
	write_file("bert:b:2:2\n");
	assert_int_equal(symlink("users", link_path), 0);
	assert_int_equal(users_set_password(link_path, "bert", "{PLAIN}new", &error), 0);
	assert_int_equal(lstat(link_path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_string_equal(read_file(), "bert:{PLAIN}new:2:2\n");
	unlink(link_path);
}

static void
test_what_was_left_is_in_nobodys_way(void **state)
{
	struct error error;
	FILE *file = fopen(stale, "w");

	(void)state;
	fputs("half", file);
	fclose(file);
	write_file("bert:b:2:2\n");
	assert_int_equal(delete("bert", &error), 0);
	assert_string_equal(read_file(), "");
	assert_int_equal(access(stale, F_OK), -1);
}

static void
test_edits_at_the_same_time(void **state)
{
	enum { PROCESSES = 4, EACH = 10 };
	char name[32];
	struct error error;
	struct users *users;

	(void)state;
	write_file("# head\n");
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (unsigned j = 0; j < EACH; j++) {
			snprintf(name, sizeof(name), "user%u-%u", i, j);
			if (add(name, &error) < 0)
				_exit(1);
		}
		_exit(0);
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(users_read(&users, path, NULL, NULL, &error), 0);
	assert_int_equal(users_count(users), PROCESSES * EACH);
	users_free(users);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/users", directory);
	snprintf(link_path, sizeof(link_path), "%s/link", directory);
	snprintf(stale, sizeof(stale), "%s/users.new", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_modes_and_owners),
		cmocka_unit_test(test_a_new_file),
		cmocka_unit_test(test_a_link_stays_a_link),
		cmocka_unit_test(test_what_was_left_is_in_nobodys_way),
		cmocka_unit_test(test_edits_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
