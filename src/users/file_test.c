/* A table follows its file, and survives the file. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "users/users.h"

static char directory[] = "/tmp/restante-users-XXXXXX";
static char path[64], spare[64], log_path[64];

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* As if the file had been written long ago. */
static void
make_old(const char *name)
{
	const struct timespec times[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };

	assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

static size_t
count_in_log(const char *word)
{
	char line[1100];
	size_t count = 0;
	FILE *file = fopen(log_path, "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, word) != NULL;
	fclose(file);
	return count;
}

static void
test_changes_are_noticed(void **state)
{
	struct users_file file;
	uint64_t generation;

	(void)state;
	write_file(path, "anna:{PLAIN}a:1:1\n");
	users_file_open(&file, path);
	assert_null(file.users);
	assert_true(users_file_refresh(&file));
	assert_non_null(users_find(file.users, "anna"));
	generation = file.generation;

	/* Another inode. */
	write_file(spare, "bert:{PLAIN}b:1:1\n");
	assert_int_equal(rename(spare, path), 0);
	assert_true(users_file_refresh(&file));
	assert_null(users_find(file.users, "anna"));
	assert_non_null(users_find(file.users, "bert"));
	assert_true(file.generation > generation);

	/* The same inode, another size. */
	write_file(path, "carl:{PLAIN}carl:1:1\n");
	assert_true(users_file_refresh(&file));
	assert_non_null(users_find(file.users, "carl"));

	/* The same inode and size, another time. */
	write_file(path, "dora:{PLAIN}carl:1:1\n");
	make_old(path);
	assert_true(users_file_refresh(&file));
	assert_non_null(users_find(file.users, "dora"));
	users_file_close(&file);
}

static void
test_an_unchanged_file_is_not_read(void **state)
{
	struct users_file file;

	(void)state;
	write_file(path, "anna:{PLAIN}a:1:1\n");
	users_file_open(&file, path);
	assert_true(users_file_refresh(&file));
	assert_false(users_file_refresh(&file));
	/*
	 * Two changes within a tick of the clock look like one: a file that was young is read once
	 * more when it is not, and then no more.
	 */
	while (!users_file_refresh(&file))
		usleep(10000);
	assert_false(users_file_refresh(&file));
	assert_true(file.settled);
	users_file_close(&file);
}

static void
test_an_unreadable_file_leaves_the_old_table(void **state)
{
	size_t logged = count_in_log("users-file-unreadable");
	struct users_file file;

	(void)state;
	write_file(path, "anna:{PLAIN}a:1:1\n");
	users_file_open(&file, path);
	assert_true(users_file_refresh(&file));

	/* Gone. */
	assert_int_equal(unlink(path), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_false(users_file_refresh(&file));
	assert_non_null(users_find(file.users, "anna"));
	assert_int_equal(count_in_log("users-file-unreadable"), logged + 1);

	/* Not a file; a root who runs the tests could read a file of mode 0. */
	assert_int_equal(mkdir(path, 0700), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_false(users_file_refresh(&file));
	assert_non_null(users_find(file.users, "anna"));
	assert_int_equal(count_in_log("users-file-unreadable"), logged + 2);

	assert_int_equal(rmdir(path), 0);
	write_file(path, "bert:{PLAIN}b:1:1\n");
	assert_true(users_file_refresh(&file));
	assert_non_null(users_find(file.users, "bert"));
	users_file_close(&file);
}

static void
test_bad_lines_are_logged(void **state)
{
	char text[4096] = "anna:{PLAIN}hidden:none:1\n";
	struct users_file file;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		strcat(text, "x:y\n");
	write_file(path, text);
	users_file_open(&file, path);
	assert_true(users_file_refresh(&file));
	assert_int_equal(users_count(file.users), 0);
	assert_int_equal(count_in_log("line=1 reason=\"the third field, uid"), 1);
	assert_int_equal(count_in_log("users-line-skipped"), 20);
	assert_int_equal(count_in_log("skipped=101"), 1);
	assert_int_equal(count_in_log("hidden"), 0);
	users_file_close(&file);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/users", directory);
	snprintf(spare, sizeof(spare), "%s/users.new", directory);
	snprintf(log_path, sizeof(log_path), "%s/log", directory);
	log_open("test", open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600), LOG_FORM_PLAIN,
	    LOG_LEVEL_INFO);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(log_path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_are_noticed),
		cmocka_unit_test(test_an_unchanged_file_is_not_read),
		cmocka_unit_test(test_an_unreadable_file_leaves_the_old_table),
		cmocka_unit_test(test_bad_lines_are_logged),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
