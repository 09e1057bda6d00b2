/*
 * Deliveries in pieces into one Maildir, one beside the other: what they share, what comes of it when somebody
 * moves the Maildir meanwhile, and that each has its own outcome.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/maildir_world.h"

/* In the world, so that it can be moved. */
static char root[64], place[80];

static int
begin(void **state)
{
	int result = world_begin(state);

	snprintf(root, sizeof(root), "%s/mail", world_root);
	snprintf(place, sizeof(place), "maildir:%s", root);
	return result;
}

static size_t
entries_count(const char *path)
{
	const struct dirent *entry;
	DIR *directory = opendir(path);
	size_t count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static size_t
files_count(const char *maildir, const char *part)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", maildir, part);
	return entries_count(path);
}

static int
start(struct append **append, const struct append *beside, const struct quota *quota, const char *text,
    struct error *error)
{
	struct delivery delivery = { .place = place, .index_directory = STORE_INDEX_BESIDE, .sender = "",
		.head = "", .message = -1, .beside = beside };

	if (quota != NULL)
		delivery.quota = *quota;
	if (append_start(append, &delivery, error) != 0)
		return -1;
	if (append_put(*append, text, strlen(text), error) == 0 && append_finish(*append, error) == 0)
		return 0;
	append_end(*append);
	return -1;
}

static struct append *
started(const struct append *beside)
{
	struct append *append;
	struct error error;

	if (start(&append, beside, NULL, "a: b\r\n\r\nc\r\n", &error) != 0)
		fail_msg("%s", error.text);
	return append;
}

static void
commit(struct append *appends[], size_t count)
{
	append_settle_all(appends, count);
	append_commit_all(appends, count);
}

static void
end(struct append *appends[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		append_end(appends[i]);
}

static void
test_one_more_costs_one_descriptor(void **state)
{
	struct append *appends[3];
	size_t none = entries_count("/proc/self/fd"), one;

	(void)state;
	appends[0] = started(NULL);
	one = entries_count("/proc/self/fd");
	appends[1] = started(appends[0]);
	appends[2] = started(appends[1]);
	assert_int_equal(entries_count("/proc/self/fd"), one + 2);
	assert_int_equal(files_count(root, "tmp"), 3);
	commit(appends, 3);
	for (int i = 0; i < 3; i++)
		assert_true(appends[i]->result == 0 && appends[i]->committed);
	assert_int_equal(files_count(root, "new"), 3);
	assert_int_equal(files_count(root, "tmp"), 0);
	/* Whoever opened them may end first. */
	end(appends, 3);
	assert_int_equal(entries_count("/proc/self/fd"), none);
}

static void
test_who_opened_them_ends_first(void **state)
{
	struct append *first = started(NULL), *second = started(first);

	(void)state;
	append_end(first);
	assert_int_equal(files_count(root, "tmp"), 1);
	commit(&second, 1);
	assert_true(second->committed);
	append_end(second);
	assert_int_equal(files_count(root, "new"), 1);
}

static void
waits_in_part(const struct append *append, const char *maildir)
{
	char path[128];
	struct stat status;
	dev_t device;
	ino_t inode;

	snprintf(path, sizeof(path), "%s/tmp", maildir);
	assert_int_equal(stat(path, &status), 0);
	append_waits_in(append, &device, &inode);
	assert_true(device == status.st_dev && inode == status.st_ino);
}

/* Those that belong together go where the first went: recovery would look for them in one tmp/. */
static void
test_a_maildir_that_is_moved_meanwhile(void **state)
{
	struct append *appends[3];
	char away[64];

	(void)state;
	snprintf(away, sizeof(away), "%s/away", world_root);
	appends[0] = started(NULL);
	assert_int_equal(rename(root, away), 0);
	appends[1] = started(appends[0]);
	waits_in_part(appends[0], away);
	waits_in_part(appends[1], away);
	/* By itself it goes to a new one. */
	appends[2] = started(NULL);
	waits_in_part(appends[2], root);
	commit(appends, 3);
	for (int i = 0; i < 3; i++)
		assert_true(appends[i]->committed);
	end(appends, 3);
	assert_int_equal(files_count(away, "new"), 2);
	assert_int_equal(files_count(root, "new"), 1);
}

static void
test_a_maildir_that_is_removed_meanwhile(void **state)
{
	struct append *appends[2];
	char command[96];

	(void)state;
	appends[0] = started(NULL);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
	appends[1] = started(appends[0]);
	waits_in_part(appends[1], root);
	commit(appends, 2);
	assert_true(appends[0]->result != 0 && !appends[0]->committed && appends[0]->error.kind == ERROR_TEMPORARY);
	assert_true(appends[1]->committed);
	end(appends, 2);
	assert_int_equal(files_count(root, "new"), 1);
	assert_int_equal(files_count(root, "tmp"), 0);
}

static void
test_a_tmp_that_is_replaced_meanwhile(void **state)
{
	struct append *appends[2];

	(void)state;
	appends[0] = started(NULL);
	world_move("mail/tmp", "mail/old");
	assert_int_equal(mkdirat(world_directory, "mail/tmp", 0700), 0);
	appends[1] = started(appends[0]);
	assert_int_equal(files_count(root, "old"), 2);
	commit(appends, 2);
	assert_true(appends[0]->committed && appends[1]->committed);
	end(appends, 2);
	assert_int_equal(files_count(root, "new"), 2);
}

/* One that is beside another counts by itself, and one that is refused leaves nothing behind. */
static void
test_quota(void **state)
{
	const struct quota quota = { .messages = 2, .octets = 40 };
	struct append *appends[3];
	struct error error;

	(void)state;
	assert_int_equal(start(&appends[0], NULL, &quota, "a: b\r\n\r\nc\r\n", &error), 0);
	commit(appends, 1);
	assert_true(appends[0]->committed && appends[0]->quota_percent == 50);
	assert_int_equal(start(&appends[1], appends[0], &quota, "0123456789 123456789 123456789 123456789\r\n",
	    &error), -1);
	assert_int_equal(error.kind, ERROR_FULL);
	assert_int_equal(files_count(root, "tmp"), 0);
	assert_int_equal(start(&appends[1], appends[0], &quota, "d\r\n", &error), 0);
	commit(appends + 1, 1);
	assert_true(appends[1]->committed && appends[1]->quota_percent == 100);
	assert_int_equal(start(&appends[2], appends[1], &quota, "e\r\n", &error), -1);
	assert_int_equal(error.kind, ERROR_FULL);
	end(appends, 2);
	assert_int_equal(files_count(root, "new"), 2);
	assert_int_equal(files_count(root, "tmp"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_more_costs_one_descriptor, begin),
		cmocka_unit_test_setup(test_who_opened_them_ends_first, begin),
		cmocka_unit_test_setup(test_a_maildir_that_is_moved_meanwhile, begin),
		cmocka_unit_test_setup(test_a_maildir_that_is_removed_meanwhile, begin),
		cmocka_unit_test_setup(test_a_tmp_that_is_replaced_meanwhile, begin),
		cmocka_unit_test_setup(test_quota, begin),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
