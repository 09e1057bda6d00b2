/*
 * The replay tried on itself: a delivery by hand that is right, and those that each leave out one
 * thing that a power failure asks for. What is wrong must be found.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "replay/crash.h"
#include "replay/mail.h"

#define DELIVERED 1
#define NEW_NAME  "1800.M1P1.mx"

static char live[64], copy[64];

struct way {
	const char *name;
	bool directly;		/* into new/, without tmp/ */
	bool without_file_sync, without_directory_sync, early_promise, in_two_writes;
	bool rejected[2];	/* by enum crash_model */
};

static const struct way ways[] = {
	{ .name = "right", .rejected = { false, false } },
	{ .name = "right, in two writes", .in_two_writes = true, .rejected = { false, false } },
	{ .name = "without a sync of the file", .without_file_sync = true, .rejected = { true, true } },
	{ .name = "without a sync of the directory", .without_directory_sync = true,
	  .rejected = { true, true } },
	{ .name = "promised too early", .early_promise = true, .rejected = { true, true } },
	{ .name = "not by way of tmp/", .directly = true, .rejected = { true, true } },
};

static void
directory_sync(int maildir, const char *name)
{
	int directory = openat(maildir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(directory >= 0);
	assert_int_equal(fsync(directory), 0);
	close(directory);
}

static void
deliver(const struct way *way, struct recording *recording, const char *text, size_t size)
{
	const char *first = way->directly ? "new/" NEW_NAME : "tmp/" NEW_NAME;
	int maildir = open(live, O_RDONLY | O_DIRECTORY | O_CLOEXEC), file;
	size_t half = way->in_two_writes ? size / 2 : 0;

	assert_true(maildir >= 0);
	file = openat(maildir, first, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, half), (ssize_t)half);
	assert_int_equal(write(file, text + half, size - half), (ssize_t)(size - half));
	if (!way->without_file_sync)
		assert_int_equal(fsync(file), 0);
	close(file);
	if (way->early_promise)
		record_mark(recording, DELIVERED);
	if (!way->directly)
		assert_int_equal(renameat(maildir, first, maildir, "new/" NEW_NAME), 0);
	if (!way->without_directory_sync)
		directory_sync(maildir, "new");
	record_mark(recording, DELIVERED);
	close(maildir);
}

static const char *
check(void *context, uint64_t promised)
{
	return mail_check(context, promised, MAIL_MAY_BE_HIDDEN);
}

static void
way_try(const struct way *way)
{
	static char text[LETTER_SIZE];
	size_t size = letter_write(23, text, sizeof(text));
	struct recording recording;
	struct crash_result result;
	struct mail mail;

	disk_clear(live);
	fixture_make(&fixtures[0], live, 3, &mail);
	mail_expect(&mail, text, size, DELIVERED);
	fixture_locate(&fixtures[0], copy, &mail);
	record_begin(&recording, live);
	deliver(way, &recording, text, size);
	record_end(&recording, live);
	for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++) {
		crash_replay(&recording, (enum crash_model)model, copy, check, &mail, &result);
		if (result.is_rejected && !way->rejected[model])
			fail_msg("%s: %s", way->name, result.story);
		if (!result.is_rejected && way->rejected[model])
			fail_msg("%s: none of %zu states was found wrong", way->name, result.state_count);
		assert_true(result.is_rejected || result.state_count > 10);
	}
	record_free(&recording);
	mail_free(&mail);
}

static void
test_deliveries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		way_try(&ways[i]);
}

/* What both file systems may leave of a rename over another file, and of an overwriting. */
static const char *
check_states(void *context, uint64_t promised)
{
	char path[256], text[8] = "";
	bool *seen = context;
	int file;

	(void)promised;
	snprintf(path, sizeof(path), "%s/a", copy);
	file = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	assert_true(read(file, text, sizeof(text) - 1) >= 0);
	close(file);
	seen[strcmp(text, "old") == 0 ? 0 : strcmp(text, "new") == 0 ? 1 : 2] = true;
	return NULL;
}

static void
test_a_rename_over_a_file(void **state)
{
	bool seen[2][3] = { { false } };
	struct recording recording;
	struct crash_result result;
	char path[256], other[256];
	int file;

	(void)state;
	disk_clear(live);
	snprintf(path, sizeof(path), "%s/a", live);
	snprintf(other, sizeof(other), "%s/b", live);
	file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file, "old", 3), 3);
	close(file);
	record_begin(&recording, live);
	file = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file, "new", 3), 3);
	close(file);
	assert_int_equal(rename(other, path), 0);
	record_end(&recording, live);
	for (int model = CRASH_EXT4; model <= CRASH_WEAK; model++)
		crash_replay(&recording, (enum crash_model)model, copy, check_states, seen[model], &result);
	record_free(&recording);
	assert_true(seen[CRASH_EXT4][0] && seen[CRASH_EXT4][1] && !seen[CRASH_EXT4][2]);
	assert_true(seen[CRASH_WEAK][0] && seen[CRASH_WEAK][1] && seen[CRASH_WEAK][2]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deliveries),
		cmocka_unit_test(test_a_rename_over_a_file),
	};
	int result;

	if (disk_directory_new(live) == NULL || disk_directory_new(copy) == NULL)
		return 1;
	log_descriptor_set(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORM_PLAIN);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	disk_directory_remove(live);
	disk_directory_remove(copy);
	return result;
}
