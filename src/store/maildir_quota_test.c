/* Quota of a Maildir: maildirsize as others write it, and counting without one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/maildir_quota.h"
#include "store/maildir_world.h"

static void
test_parsing(void **state)
{
	static const struct {
		const char *text;
		bool right;
		uint64_t quota_octets, quota_messages, octets, messages;
	} cases[] = {
		{ "1000S,10C\n500 5\n", true, 1000, 10, 500, 5 },
		{ "1000S\n500 5\n-100 -1\n    7          1\n", true, 1000, 0, 407, 5 },
		{ "10C\n", true, 0, 10, 0, 0 },
		{ "10C", true, 0, 10, 0, 0 },
		{ "1000S,7X,3C\n1 1", true, 1000, 3, 1, 1 },
		{ "\n4 2\n", true, 0, 0, 4, 2 },
		{ "", false, 0, 0, 0, 0 },
		{ "S\n", false, 0, 0, 0, 0 },
		{ "-5S\n", false, 0, 0, 0, 0 },
		{ "99999999999999999999S\n", false, 0, 0, 0, 0 },
		{ "1000S\n500\n", false, 0, 0, 0, 0 },
		{ "1000S\n500 5 5\n", false, 0, 0, 0, 0 },
		{ "1000S\n500 5\n\n1 1\n", false, 0, 0, 0, 0 },
		{ "1000S\nx y\n", false, 0, 0, 0, 0 },
		{ "1000S\n5 1\n-6 -1\n", false, 0, 0, 0, 0 },
		{ "1000S\n5 1\n-5 -2\n", false, 0, 0, 0, 0 },
		{ "1000S\n9223372036854775807 1\n1 1\n", false, 0, 0, 0, 0 },
	};
	static const char with_nul[] = "1000S\n5 1\0\n";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct maildir_usage usage = { .octets = 77 };

		if (maildir_quota_parse(&usage, cases[i].text, strlen(cases[i].text)) != cases[i].right)
			fail_msg("%s", cases[i].text);
		if (!cases[i].right) {
			assert_int_equal(usage.octets, 77);
			continue;
		}
		assert_int_equal(usage.quota.octets, cases[i].quota_octets);
		assert_int_equal(usage.quota.messages, cases[i].quota_messages);
		assert_int_equal(usage.octets, cases[i].octets);
		assert_int_equal(usage.messages, cases[i].messages);
	}
	assert_false(maildir_quota_parse(&(struct maildir_usage){ .octets = 0 }, with_nul, sizeof(with_nul) - 1));
}

/* A message of 10 octets. 0, or -1 and the kind is ERROR_FULL. */
static int
deliver(const char *place, const struct quota *quota, struct append *outcome)
{
	struct delivery delivery = { .place = place, .sender = "", .head = "", .quota = *quota,
		.message = memfd_create("message", MFD_CLOEXEC) };
	struct append *append;
	struct error error;
	int result;

	assert_int_equal(pwrite(delivery.message, "123456789\n", 10, 0), 10);
	result = append_begin(&append, &delivery, &error);
	if (result == 0) {
		assert_int_equal(append_commit(append, NULL, &error), 0);
		*outcome = *append;
		append_end(append);
	} else {
		assert_int_equal(error.kind, ERROR_FULL);
	}
	close(delivery.message);
	return result;
}

static void
assert_file(const char *text)
{
	char found[8192];
	int file = openat(world_directory, "maildirsize", O_RDONLY | O_CLOEXEC);
	ssize_t size;

	assert_true(file >= 0);
	size = read(file, found, sizeof(found) - 1);
	assert_true(size >= 0);
	found[size] = '\0';
	assert_string_equal(found, text);
	close(file);
}

static void
make_old(const char *name, time_t seconds)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= seconds;
	times[1] = times[0];
	assert_int_equal(utimensat(world_directory, name, times, 0), 0);
}

static void
folder_put(void)
{
	assert_int_equal(mkdirat(world_directory, ".folder", 0700), 0);
	assert_int_equal(mkdirat(world_directory, ".folder/cur", 0700), 0);
	world_put(".folder/cur/3.c", "fifteen octets\n");
}

/* 100 by its name, 5 by its file, 15 in a folder; three messages. */
static void
mail_put(void)
{
	world_put("new/1.a,S=100", "less\n");
	world_put("cur/2.b:2,S", "five\n");
	world_put("tmp/9.z", "not counted\n");
	folder_put();
}

static void
test_counting(void **state)
{
	static const struct {
		struct quota quota;
		int result;
		unsigned percent;
		bool warns;
	} cases[] = {
		{ { 0, 0, 80 }, 0, 0, false },
		{ { 130, 0, 0 }, 0, 100, false },
		{ { 130, 0, 100 }, 0, 100, true },
		{ { 129, 0, 0 }, -1, 0, false },
		{ { 9, 0, 0 }, -1, 0, false },
		{ { 0, 4, 80 }, 0, 100, true },
		{ { 0, 3, 0 }, -1, 0, false },
		{ { 260, 100, 50 }, 0, 50, true },
		{ { 260, 100, 51 }, 0, 50, false },
		/* 46 percent were used before. */
		{ { 260, 100, 47 }, 0, 50, true },
		{ { 260, 100, 46 }, 0, 50, false },
		{ { 150, 0, 81 }, 0, 86, true },
		{ { 150, 0, 80 }, 0, 86, false },
		{ { 260, 5, 0 }, 0, 80, false },
		{ { UINT64_MAX, UINT64_MAX, 1 }, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct append outcome = { .quota_percent = 0 };

		world_begin(NULL);
		mail_put();
		if (deliver(world_place, &cases[i].quota, &outcome) != cases[i].result)
			fail_msg("case %zu", i);
		assert_int_equal(outcome.quota_percent, cases[i].percent);
		assert_int_equal(outcome.quota_warns, cases[i].warns);
		assert_false(world_has("maildirsize"));
		assert_int_equal(unlinkat(world_directory, "tmp/9.z", 0), 0);
		assert_int_equal(unlinkat(world_directory, "tmp", AT_REMOVEDIR), 0);
	}
}

static void
test_a_file_is_believed(void **state)
{
	static const struct {
		const char *before;
		time_t age;
		struct quota quota;
		int result;
		const char *after;
	} cases[] = {
		{ "1000S\n500 5\n", 0, { 0, 0, 0 }, 0, "1000S\n500 5\n10 1\n" },
		{ "1000S\n995 5\n", 0, { 0, 0, 0 }, -1, "1000S\n995 5\n" },
		/* The caller's quota goes before the file's. */
		{ "1000S\n995 5\n", 0, { 2000, 0, 0 }, 0, "1000S\n995 5\n10 1\n" },
		{ "1000S\n500 5\n", 0, { 505, 0, 0 }, -1, "1000S\n500 5\n" },
		/* Full and old: counted. */
		{ "1000S\n995 5\n", 1000, { 0, 0, 0 }, 0, "1000S,0C\n120 3\n10 1\n" },
		{ "125S\n995 5\n", 1000, { 0, 0, 0 }, -1, "125S,0C\n120 3\n" },
		{ "1000S\n500 5\n", 1000, { 0, 0, 0 }, 0, "1000S\n500 5\n10 1\n" },
		/* It makes no sense. */
		{ "1000S\n-500 5\n", 0, { 0, 0, 0 }, 0, "1000S,0C\n120 3\n10 1\n" },
		{ "1000S,7C\nrubbish\n", 0, { 2000, 0, 0 }, 0, "2000S,0C\n120 3\n10 1\n" },
		/* Nothing is limited: it is only kept up to date. */
		{ "\n500 5\n", 0, { 0, 0, 0 }, 0, "\n500 5\n10 1\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct append outcome;

		world_begin(NULL);
		mail_put();
		world_put("maildirsize", cases[i].before);
		make_old("maildirsize", cases[i].age);
		if (deliver(world_place, &cases[i].quota, &outcome) != cases[i].result)
			fail_msg("case %zu", i);
		assert_file(cases[i].after);
	}
}

static void
test_a_long_file_is_counted(void **state)
{
	const struct quota quota = { .octets = 0 };
	char text[5600] = "1000S\n";
	struct append outcome;

	(void)state;
	mail_put();
	while (strlen(text) < 5500)
		snprintf(text + strlen(text), 16, "4 2\n");
	world_put("maildirsize", text);
	assert_int_equal(deliver(world_place, &quota, &outcome), 0);
	assert_file("1000S,0C\n120 3\n10 1\n");
}

static void
test_a_folder_has_the_quota_of_its_maildir(void **state)
{
	const struct quota quota = { .octets = 0 };
	struct append outcome;
	char place[96];

	(void)state;
	folder_put();
	world_put("maildirsize", "100S\n85 1\n");
	snprintf(place, sizeof(place), "%s/.folder", world_place);
	assert_int_equal(deliver(place, &quota, &outcome), 0);
	assert_int_equal(deliver(place, &quota, &outcome), -1);
	assert_file("100S\n85 1\n10 1\n");
	assert_false(world_has(".folder/maildirsize"));
}

static void
test_a_session_gives_back(void **state)
{
	const bool marked[] = { true, true, false };
	struct store *store;
	struct error error;

	(void)state;
	world_put("new/1.a,S=100", "less\n");
	world_put("cur/2.b:2,S", "five\n");
	world_put("cur/3.c:2,S", "stays\n");
	world_put("maildirsize", "1000S\n111 3\n");
	store = world_open();
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_close(store);
	assert_file("1000S\n111 3\n-105 -2\n");
	/* A session that removes nothing changes nothing. */
	store = world_open();
	assert_int_equal(store_remove(store, (const bool[]){ false }, &error), 0);
	store_close(store);
	assert_file("1000S\n111 3\n-105 -2\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parsing),
		cmocka_unit_test_setup(test_counting, world_begin),
		cmocka_unit_test_setup(test_a_file_is_believed, world_begin),
		cmocka_unit_test_setup(test_a_long_file_is_counted, world_begin),
		cmocka_unit_test_setup(test_a_folder_has_the_quota_of_its_maildir, world_begin),
		cmocka_unit_test_setup(test_a_session_gives_back, world_begin),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
