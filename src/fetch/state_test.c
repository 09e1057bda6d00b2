/* The state of an account, with real files in a private directory. */

#include "fetch/state.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <xxhash.h>

static char directory[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/state-test-XXXXXX");
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static struct state *
opened(bool read_only)
{
	struct state *state;
	struct error error;

	if (state_open(&state, directory, "anna", read_only, &error) != 0)
		fail_msg("%s", error.text);
	return state;
}

static struct state *
reopened(struct state *state)
{
	state_close(state);
	return opened(false);
}

static void
path_make(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", directory, name);
}

static size_t
file_read(char **text)
{
	char path[128];
	struct stat status;
	int file;

	path_make(path, "anna");
	file = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(fstat(file, &status), 0);
	*text = malloc((size_t)status.st_size + 1);
	assert_non_null(*text);
	assert_int_equal(read(file, *text, (size_t)status.st_size), status.st_size);
	(*text)[status.st_size] = '\0';
	close(file);
	return (size_t)status.st_size;
}

static void
file_write(const char *text, size_t size)
{
	char path[128];
	int file;

	path_make(path, "anna");
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, size), (ssize_t)size);
	close(file);
}

/* One message through one of the changes. */
typedef int state_changer(struct state *, const struct state_message *const[], size_t, struct error *);

static void
does(struct state *state, state_changer *change, const char *uidl)
{
	struct state_message message = { .uidl = uidl, .octets = 1000, .mark = "mark:1", .stored_time = 1700000000,
		.message_id_digest = "0123456789abcde", .header_digest = "fedcba987654321" };
	const struct state_message *messages[] = { &message };
	struct error error;

	if (change(state, messages, 1, &error) != 0)
		fail_msg("%s: %s", uidl, error.text);
}

/* "": unknown. i: intended, s: stored, k: skipped, d: deleted, a: absent. */
static void
is(const struct state *state, const char *uidl, const char *wanted)
{
	const struct state_message *m = state_find(state, uidl);
	char flags[8] = "";

	if (m != NULL)
		snprintf(flags, sizeof(flags), "%s%s%s%s%s", m->is_intended ? "i" : "", m->is_stored ? "s" : "",
		    m->is_skipped ? "k" : "", m->is_deleted ? "d" : "", m->absent_time != 0 ? "a" : "");
	if (strcmp(flags, wanted) != 0)
		fail_msg("%s is \"%s\" and not \"%s\"", uidl, flags, wanted);
}

static void
test_changes_are_remembered(void **unused)
{
	static const struct {
		const char *uidl;
		state_changer *changes[4];
		const char *flags;
	} cases[] = {
		{ "intended", { state_intend }, "i" },
		{ "stored", { state_intend, state_stored }, "s" },
		{ "not stored", { state_intend, state_not_stored }, "" },
		{ "deleted", { state_intend, state_stored, state_deleted }, "sd" },
		{ "stored unintended", { state_stored }, "s" },
		{ "intended again", { state_stored, state_intend }, "is" },
		{ "not stored again", { state_stored, state_intend, state_not_stored }, "s" },
		{ "stored again", { state_stored, state_deleted, state_intend, state_stored }, "s" },
		{ "of nobody", { state_deleted }, "" },
		{ "\xc3\xa4 and  spaces ", { state_intend, state_stored }, "s" },
	};
	struct state *state = opened(false);
	struct error error;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t j = 0; j < 4 && cases[i].changes[j] != NULL; j++)
			does(state, cases[i].changes[j], cases[i].uidl);
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			is(state, cases[i].uidl, cases[i].flags);
		assert_int_equal(state_count(state), 8);
		assert_int_equal(state_intended_count(state), 2);
		assert_string_equal(state_find(state, "intended")->mark, "mark:1");
		assert_string_equal(state_find(state, "stored")->mark, "");
		state = reopened(state);
		if (round == 1)
			assert_int_equal(state_compact(state, &error), 0);
	}
	state_close(state);
}

static void
test_all_that_is_known_of_a_message_survives(void **unused)
{
	struct state_message skipped = { .uidl = "big", .octets = UINT64_MAX, .is_skipped = true, .stored_time = 7,
		.header_digest = "0123456789abcde" };
	const struct state_message *messages[] = { &skipped };
	struct state *state = opened(false);
	struct error error;

	(void)unused;
	assert_int_equal(state_stored(state, messages, 1, &error), 0);
	does(state, state_intend, "some");
	for (int round = 0; round < 3; round++) {
		const struct state_message *big = state_find(state, "big"), *some = state_find(state, "some");

		assert_true(big->octets == UINT64_MAX);
		assert_int_equal(big->stored_time, 7);
		assert_true(big->is_skipped);
		assert_memory_equal(big->header_digest, "0123456789abcde", 16);
		assert_int_equal(big->message_id_digest[0], 0);
		assert_true(some->octets == 1000);
		assert_int_equal(some->stored_time, 1700000000);
		assert_memory_equal(some->message_id_digest, "0123456789abcde", 16);
		assert_memory_equal(some->header_digest, "fedcba987654321", 16);
		if (round == 1)
			assert_int_equal(state_compact(state, &error), 0);
		state = reopened(state);
	}
	state_close(state);
}

static void
test_what_cannot_be_a_uidl(void **unused)
{
	static char long_uidl[UIDL_OCTETS_MAX + 2];
	const char *const bad[] = { "", "a\nb", "a\x7f", "\t", long_uidl };
	struct state *state = opened(false);
	struct error error;

	(void)unused;
	memset(long_uidl, 'x', UIDL_OCTETS_MAX + 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct state_message message = { .uidl = bad[i], .mark = "m" };
		const struct state_message *messages[] = { &message };

		assert_int_equal(state_intend(state, messages, 1, &error), -1);
		assert_int_equal(error.kind, ERROR_PROTOCOL);
	}
	long_uidl[UIDL_OCTETS_MAX] = '\0';
	does(state, state_intend, long_uidl);
	state = reopened(state);
	is(state, long_uidl, "i");
	state_close(state);
}

static void
test_a_mark_is_a_word(void **unused)
{
	static char long_mark[MARK_OCTETS_MAX + 2];
	const char *const bad[] = { "", "a b", "a\n", "\xc3\xa4", long_mark };
	struct state *state = opened(false);
	struct error error;

	(void)unused;
	memset(long_mark, 'x', MARK_OCTETS_MAX + 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct state_message message = { .uidl = "u", .mark = bad[i] };
		const struct state_message *messages[] = { &message };

		assert_int_equal(state_intend(state, messages, 1, &error), -1);
	}
	assert_int_equal(state_count(state), 0);
	state_close(state);
}

static void
test_moves(void **unused)
{
	const struct state_move moves[] = { { "old one", "new" }, { "old", "one new" }, { "nobody's", "x" } };
	struct state *state = opened(false);
	struct error error;

	(void)unused;
	does(state, state_stored, "old one");
	does(state, state_intend, "old");
	assert_int_equal(state_moved(state, moves, 3, &error), 0);
	for (int round = 0; round < 2; round++) {
		is(state, "old one", "");
		is(state, "old", "");
		is(state, "new", "s");
		is(state, "one new", "i");
		is(state, "x", "");
		assert_string_equal(state_find(state, "one new")->mark, "mark:1");
		assert_int_equal(state_find(state, "new")->octets, 1000);
		state = reopened(state);
	}
	state_close(state);
}

static void
list(struct state *state, const char *const uidls[], int64_t now)
{
	struct error error;

	state_list_begin(state);
	for (; *uidls != NULL; uidls++)
		state_list_add(state, *uidls);
	assert_int_equal(state_list_end(state, now, 100, &error), 0);
}

static void
test_lists(void **unused)
{
	struct state *state = opened(false);

	(void)unused;
	does(state, state_stored, "a");
	does(state, state_stored, "b");
	does(state, state_stored, "gone");
	does(state, state_deleted, "gone");
	does(state, state_stored, "still there");
	does(state, state_deleted, "still there");
	does(state, state_intend, "on its way");
	list(state, (const char *const[]){ "a", "still there", "new", NULL }, 1000);
	for (int round = 0; round < 2; round++) {
		is(state, "a", "s");
		is(state, "b", "sa");
		is(state, "gone", "");
		is(state, "still there", "sd");
		is(state, "on its way", "i");
		is(state, "new", "");
		state = reopened(state);
	}
	/* A list that was wrong once. */
	list(state, (const char *const[]){ "b", "still there", NULL }, 1050);
	is(state, "a", "sa");
	is(state, "b", "s");
	list(state, (const char *const[]){ "a", "still there", NULL }, 1149);
	is(state, "a", "s");
	is(state, "b", "sa");
	list(state, (const char *const[]){ "a", NULL }, 1248);
	is(state, "b", "sa");
	is(state, "still there", "");
	list(state, (const char *const[]){ "a", NULL }, 1249);
	is(state, "b", "");
	is(state, "on its way", "i");
	state = reopened(state);
	is(state, "a", "s");
	is(state, "b", "");
	state_close(state);
}

static void
test_values(void **unused)
{
	struct state *state = opened(false);
	struct error error;

	(void)unused;
	assert_string_equal(state_value(state, "login"), "");
	assert_int_equal(state_value_set(state, "login", "1700000000", &error), 0);
	assert_int_equal(state_value_set(state, "log", "a b  c", &error), 0);
	assert_int_equal(state_value_set(state, "login", "17", &error), 0);
	assert_int_equal(state_value_set(state, "empty", "x", &error), 0);
	assert_int_equal(state_value_set(state, "empty", "", &error), 0);
	assert_int_equal(state_value_set(state, "last", "kept", &error), 0);
	assert_int_equal(state_value_set(state, "two words", "", &error), -1);
	assert_int_equal(state_value_set(state, "login", "a\nb", &error), -1);
	for (int round = 0; round < 3; round++) {
		assert_string_equal(state_value(state, "login"), "17");
		assert_string_equal(state_value(state, "log"), "a b  c");
		assert_string_equal(state_value(state, "empty"), "");
		assert_string_equal(state_value(state, "last"), "kept");
		assert_string_equal(state_value(state, "lo"), "");
		if (round == 1)
			assert_int_equal(state_compact(state, &error), 0);
		state = reopened(state);
	}
	does(state, state_stored, "a");
	assert_int_equal(state_forget_all(state, &error), 0);
	state = reopened(state);
	assert_int_equal(state_count(state), 0);
	assert_string_equal(state_value(state, "login"), "17");
	state_close(state);
}

static void
test_one_at_a_time(void **unused)
{
	struct state *state = opened(false), *other;
	struct error error;

	(void)unused;
	assert_int_equal(state_open(&other, directory, "anna", false, &error), -1);
	assert_int_equal(error.kind, ERROR_BUSY);
	does(state, state_stored, "a");
	/* Who only looks is not in the way, and sees what is there. */
	other = opened(true);
	is(other, "a", "s");
	assert_int_equal(state_value_set(other, "a", "b", &error), -1);
	state_close(other);
	assert_int_equal(state_open(&other, directory, "berta", false, &error), 0);
	state_close(other);
	state_close(state);
	state_close(opened(false));
}

static void
test_who_looks_makes_nothing(void **unused)
{
	char path[128];
	struct state *state;
	struct error error;

	(void)unused;
	path_make(path, "deeper/and deeper");
	assert_int_equal(state_open(&state, path, "anna", true, &error), 0);
	assert_int_equal(state_count(state), 0);
	state_close(state);
	assert_int_equal(access(path, F_OK), -1);
	state = opened(true);
	state_close(state);
	path_make(path, "anna");
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_nobody_else_reads_it(void **unused)
{
	char path[128];
	struct stat status;
	struct state *state;
	struct error error;

	(void)unused;
	path_make(path, "deeper/and deeper");
	assert_int_equal(state_open(&state, path, "../a/b%", false, &error), 0);
	state_close(state);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	path_make(path, "deeper/and deeper/%2E.%2Fa%2Fb%25");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

/* What a crash tears */

static size_t
lines_count(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += text[i] == '\n';
	return count;
}

/* Two messages with one write at the end, which may be missing in any part. */
static size_t
torn_make(char **text, size_t *last)
{
	struct state_message messages[2] = { { .uidl = "first", .mark = "m:1" }, { .uidl = "second", .mark = "m:2" } };
	const struct state_message *both[] = { &messages[0], &messages[1] };
	struct state *state = opened(false);
	struct error error;
	size_t size;
	char path[128];
	struct stat status;

	does(state, state_stored, "safe");
	path_make(path, "anna");
	assert_int_equal(stat(path, &status), 0);
	*last = (size_t)status.st_size;
	assert_int_equal(state_intend(state, both, 2, &error), 0);
	/* Before it is closed, which would seal it. */
	size = file_read(text);
	state_close(state);
	return size;
}

static void
test_what_a_crash_tears_is_passed_over(void **unused)
{
	char *text;
	size_t last, size = torn_make(&text, &last);

	(void)unused;
	for (size_t end = last; end <= size; end++)
		for (size_t zeros = 0; zeros < 2; zeros++) {
			char *torn = calloc(1, size + 1);
			struct state *state;

			assert_non_null(torn);
			memcpy(torn, text, end);
			file_write(torn, zeros ? size : end);
			state = opened(true);
			is(state, "safe", "s");
			state_close(state);
			state = opened(false);
			is(state, "safe", "s");
			is(state, "second", end == size ? "i" : "");
			does(state, state_stored, "later");
			state = reopened(state);
			is(state, "safe", "s");
			is(state, "later", "s");
			state_close(state);
			free(torn);
		}
	free(text);
}

/* The beginning of the last write is lost and its end is not. */
static void
test_a_write_that_came_without_its_beginning(void **unused)
{
	char *text;
	size_t last, size = torn_make(&text, &last);
	struct state *state;

	(void)unused;
	memset(text + last, 0, 20);
	file_write(text, size);
	state = opened(false);
	is(state, "safe", "s");
	is(state, "first", "");
	is(state, "second", "");
	state_close(state);
	free(text);
}

/* Any octet of what was synced before the last write. */
static void
test_damage_is_not_passed_over(void **unused)
{
	char *text;
	size_t last, size = torn_make(&text, &last);

	(void)unused;
	for (size_t at = 0; at < last; at++) {
		char *damaged = malloc(size);
		struct state *state;
		struct error error;

		assert_non_null(damaged);
		memcpy(damaged, text, size);
		damaged[at] ^= 0x04;
		file_write(damaged, size);
		for (int read_only = 0; read_only < 2; read_only++) {
			if (state_open(&state, directory, "anna", read_only, &error) == 0)
				fail_msg("octet %zu is damaged, and nobody sees it", at);
			assert_int_equal(error.kind, ERROR_PERMANENT);
			assert_non_null(strstr(error.text, "backup"));
		}
		free(damaged);
	}
	free(text);
}

/* When it was closed all of it is safe: also its last write. */
static void
test_damage_behind_a_close(void **unused)
{
	char *text;
	size_t last, size;

	(void)unused;
	torn_make(&text, &last);
	free(text);
	size = file_read(&text);
	for (size_t at = last; text[at] != '\n' || lines_count(text + at, size - at) > 2; at++) {
		struct state *state;
		struct error error;

		text[at] ^= 0x04;
		file_write(text, size);
		assert_int_equal(state_open(&state, directory, "anna", false, &error), -1);
		text[at] ^= 0x04;
	}
	free(text);
}

static void
test_what_is_no_state(void **unused)
{
	const char *const bad[] = { "", "\n", "From anna\n\n", "0123456789abcdef 0 b restante-state-1 anna\n" };

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct state *state;
		struct error error;

		file_write(bad[i], strlen(bad[i]));
		assert_int_equal(state_open(&state, directory, "anna", false, &error), -1);
		assert_int_equal(error.kind, ERROR_PERMANENT);
	}
}

/* What it says would be lost when the file is written anew. */
static void
test_a_line_of_a_later_version_is_not_passed_over(void **unused)
{
	static const char rest[] = " 0 q anna";
	struct state *state = opened(false);
	struct error error;
	char line[64], *text;
	size_t size;

	(void)unused;
	does(state, state_stored, "a");
	state_close(state);
	size = file_read(&text);
	snprintf(line, sizeof(line), "%016llx%s\n", (unsigned long long)XXH3_64bits(rest, strlen(rest)), rest);
	text = realloc(text, size + strlen(line) + 1);
	assert_non_null(text);
	memcpy(text + size, line, strlen(line) + 1);
	file_write(text, size + strlen(line));
	free(text);
	assert_int_equal(state_open(&state, directory, "anna", false, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	assert_non_null(strstr(error.text, "another version"));
}

static void
test_it_does_not_grow_for_ever(void **unused)
{
	struct state *state = opened(false);
	struct error error;
	char *text;
	size_t size;

	(void)unused;
	does(state, state_stored, "a");
	for (int i = 0; i < 700; i++) {
		does(state, state_intend, "b");
		does(state, state_not_stored, "b");
	}
	assert_int_equal(state_compact_if_due(state, &error), 0);
	size = file_read(&text);
	assert_int_equal(lines_count(text, size), 3);
	free(text);
	does(state, state_stored, "c");
	assert_int_equal(state_compact_if_due(state, &error), 0);
	size = file_read(&text);
	assert_int_equal(lines_count(text, size), 4);
	free(text);
	state = reopened(state);
	is(state, "a", "s");
	is(state, "b", "");
	is(state, "c", "s");
	state_close(state);
}

static void
test_many(void **unused)
{
	enum { COUNT = 20000, AT_ONCE = 500 };
	static struct state_message messages[AT_ONCE];
	static char uidls[AT_ONCE][32];
	const struct state_message *all[AT_ONCE], *next = NULL;
	struct state *state = opened(false);
	struct error error;
	size_t seen = 0;

	(void)unused;
	for (size_t i = 0; i < COUNT; i += AT_ONCE) {
		for (size_t j = 0; j < AT_ONCE; j++) {
			snprintf(uidls[j], sizeof(uidls[j]), "uidl-%zu", i + j);
			messages[j] = (struct state_message){ .uidl = uidls[j], .octets = i + j };
			all[j] = &messages[j];
		}
		assert_int_equal(state_stored(state, all, AT_ONCE, &error), 0);
	}
	state = reopened(state);
	assert_int_equal(state_count(state), COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(uidls[0], sizeof(uidls[0]), "uidl-%zu", i);
		assert_int_equal(state_find(state, uidls[0])->octets, i);
	}
	assert_null(state_find(state, "uidl-20000"));
	while ((next = state_next(state, next)) != NULL)
		seen++;
	assert_int_equal(seen, COUNT);
	state_close(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_changes_are_remembered),
		TEST(test_all_that_is_known_of_a_message_survives),
		TEST(test_what_cannot_be_a_uidl),
		TEST(test_a_mark_is_a_word),
		TEST(test_moves),
		TEST(test_lists),
		TEST(test_values),
		TEST(test_one_at_a_time),
		TEST(test_who_looks_makes_nothing),
		TEST(test_nobody_else_reads_it),
		TEST(test_what_a_crash_tears_is_passed_over),
		TEST(test_a_write_that_came_without_its_beginning),
		TEST(test_damage_is_not_passed_over),
		TEST(test_damage_behind_a_close),
		TEST(test_what_is_no_state),
		TEST(test_a_line_of_a_later_version_is_not_passed_over),
		TEST(test_it_does_not_grow_for_ever),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
