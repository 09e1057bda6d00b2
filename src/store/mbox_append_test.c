/* Delivery into an mbox, in a private directory: what stands there afterwards, and what is read. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/mbox_journal.h"
#include "store/mbox_line.h"
#include "store/mbox_lock.h"
#include "store/mbox_world.h"

static int
message_of(const char *text, size_t size)
{
	int file = memfd_create("message", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(pwrite(file, text, size, 0), (ssize_t)size);
	return file;
}

static int
commit_and_end(struct append *append, struct append *outcome, struct error *error)
{
	int result = append_commit(append, NULL, error);

	if (outcome != NULL)
		*outcome = *append;
	append_end(append);
	return result;
}

static int
deliver_to(const char *place, const char *sender, const char *text, size_t size,
    const struct quota *quota, struct append *outcome, struct error *error)
{
	struct delivery delivery = { .place = place, .index_directory = STORE_INDEX_BESIDE,
		.sender = sender, .head = "", .message = message_of(text, size) };
	struct append *append = NULL;
	int result;

	if (quota != NULL)
		delivery.quota = *quota;
	result = append_begin(&append, &delivery, error);
	if (result == 0)
		result = commit_and_end(append, outcome, error);
	close(delivery.message);
	return result;
}

/* The same for a message that comes an octet at a time. */
static int
deliver_in_pieces(const char *place, const char *sender, const char *text, size_t size,
    const struct quota *quota, struct append *outcome, struct error *error)
{
	struct delivery delivery = { .place = place, .index_directory = STORE_INDEX_BESIDE,
		.sender = sender, .head = "", .message = -1, .quota = *quota };
	struct append *append;
	int result = append_start(&append, &delivery, error);

	if (result != 0)
		return -1;
	for (size_t at = 0; at < size && result == 0; at++)
		result = append_put(append, text + at, 1, error);
	if (result == 0)
		result = append_finish(append, error);
	if (result == 0)
		return commit_and_end(append, outcome, error);
	append_end(append);
	return -1;
}

static void
deliver(const char *sender, const char *text)
{
	struct error error;

	if (deliver_to(world_place, sender, text, strlen(text), NULL, NULL, &error) != 0)
		fail_msg("%s", error.text);
}

/* The content with each date as DATE; free() it. */
static char *
content_get(void)
{
	size_t size, used = 0;
	char *content = world_get(&size), *plain = calloc(1, size + 1);

	assert_non_null(plain);
	for (const char *line = content; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		bool is_from = length > 24 && strncmp(line, "From ", 5) == 0;

		if (is_from) {
			assert_true(mbox_line_is_from(line, length));
			length -= 24;
		}
		memcpy(plain + used, line, length);
		used += length;
		line += length;
		if (is_from) {
			memcpy(plain + used, "DATE", 4);
			used += 4;
			line += 24;
		}
		if (*line == '\n')
			plain[used++] = *line++;
	}
	free(content);
	return plain;
}

/* It changes its size before it is written, or while: nothing of it stays in the file. */
static void
test_another_size(void **state)
{
	const off_t sizes[] = { 0, 4, 6, 200000 };

	(void)state;
	deliver("a@b", "first\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct delivery delivery = { .place = world_place, .index_directory = STORE_INDEX_BESIDE,
			.sender = "a@b", .head = "", .message = message_of("a\r\nb\n", 5), .message_size = 5,
			.message_size_known = true };
		struct append *append;
		struct error error;
		char *content;

		assert_int_equal(append_begin(&append, &delivery, &error), 0);
		assert_int_equal(ftruncate(delivery.message, sizes[i]), 0);
		assert_int_equal(append_commit(append, NULL, &error), -1);
		assert_int_equal(error.kind, ERROR_TEMPORARY);
		append_end(append);
		close(delivery.message);
		content = content_get();
		assert_string_equal(content, "From a@b DATE\nfirst\n\n");
		free(content);
	}
}

#define OLD "From x DATE\n"
#define OLD_ENVELOPE "From x Fri Jul  8 12:08:34 2011\n"

static void
test_contents(void **state)
{
	static const struct {
		const char *before, *sender, *text, *after;
	} cases[] = {
		{ "", "a@b", "s: x\r\n\r\ny\r\n", "From a@b DATE\ns: x\n\ny\n\n" },
		{ "", "", "y", "From MAILER-DAEMON DATE\ny\n\n" },
		{ "", "a b\nc@d", "y\n", "From a-b-c@d DATE\ny\n\n" },
		{ "", "a", "From x\n>From x\n>>>From x\n> From\nFromx\n", "From a DATE\n>From x\n>>From x\n"
		  ">>>>From x\n> From\nFromx\n\n" },
		{ "", "a", "no From x\r\nFrom ", "From a DATE\nno From x\n>From \n\n" },
		{ "", "a", "From", "From a DATE\nFrom\n\n" },
		{ "", "a", ">>", "From a DATE\n>>\n\n" },
		{ "", "a", "", "From a DATE\n\n" },
		{ "", "a", "y\n\n\n", "From a DATE\ny\n\n\n\n" },
		{ OLD_ENVELOPE "\nz\n\n", "a", "y\n", OLD "\nz\n\nFrom a DATE\ny\n\n" },
		{ OLD_ENVELOPE "\nz\n", "a", "y\n", OLD "\nz\n\nFrom a DATE\ny\n\n" },
		{ OLD_ENVELOPE "\nz", "a", "y\n", OLD "\nz\n\nFrom a DATE\ny\n\n" },
		{ OLD_ENVELOPE "\r\nz\r\n\r\n", "a", "y\n", OLD "\r\nz\r\n\r\nFrom a DATE\ny\n\n" },
		{ OLD_ENVELOPE "\r\nz\r\n", "a", "y\n", OLD "\r\nz\r\n\nFrom a DATE\ny\n\n" },
		{ "\n", "a", "y\n", "\nFrom a DATE\ny\n\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *content;

		world_put(cases[i].before);
		deliver(cases[i].sender, cases[i].text);
		content = content_get();
		assert_string_equal(content, cases[i].after);
		free(content);
		assert_false(world_has("", ".lock"));
	}
}

/* "From " at every place against the borders of the buffers. */
static void
test_a_long_text(void **state)
{
	static char text[200000], wanted[400000];
	size_t size = 0, wanted_size = 0, found_size;

	(void)state;
	world_put("");
	while (size < sizeof(text) - 16) {
		int n = snprintf(text + size, 16, "%.*sFrom x\r\n", (int)(size % 4), ">>>>");

		wanted_size += (size_t)snprintf(wanted + wanted_size, 16, ">%.*sFrom x\n", (int)(size % 4), ">>>>");
		size += (size_t)n;
	}
	text[size] = '\0';
	deliver("a", text);
	for (char *found = world_get(&found_size), *at = strchr(found, '\n') + 1; at != NULL; at = NULL) {
		assert_int_equal(found_size - (size_t)(at - found), wanted_size + 1);
		assert_memory_equal(at, wanted, wanted_size);
		free(found);
	}
}

static void
test_a_missing_file_is_made(void **state)
{
	struct stat status;
	struct store *store;
	struct error error;
	char place[96];

	(void)state;
	unlink(world_mbox);
	deliver("a", "s: x\n\ny\n");
	assert_int_equal(stat(world_mbox, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	store = world_open();
	assert_int_equal(store->count, 1);
	world_assert_text(store, 0, "s: x\n\ny\n");
	store_close(store);
	snprintf(place, sizeof(place), "%s/below", world_place);
	assert_int_equal(deliver_to(place, "a", "y\n", 2, NULL, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	assert_int_equal(deliver_to("mbox:/no/such/mbox", "a", "y\n", 2, NULL, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(deliver_to("mbox:/tmp/", "a", "y\n", 2, NULL, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	assert_int_equal(deliver_to("mbox:/tmp", "a", "y\n", 2, NULL, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	assert_int_equal(deliver_to("mbox:/dev/null", "a", "y\n", 2, NULL, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
}

static void
test_a_session_keeps_its_numbers(void **state)
{
	struct store *store;
	struct error error;

	(void)state;
	world_put(OLD_ENVELOPE "\none\n\n" OLD_ENVELOPE "\ntwo\n\n");
	store = world_open();
	deliver("a", "\nthree\n");
	assert_int_equal(store->count, 2);
	world_assert_text(store, 1, "\ntwo\n");
	assert_int_equal(store_remove(store, (const bool[]){ true, false }, &error), 0);
	store_close(store);
	store = world_open();
	assert_int_equal(store->count, 2);
	world_assert_text(store, 0, "\ntwo\n");
	world_assert_text(store, 1, "\nthree\n");
	store_close(store);
}

static void
test_a_locked_mbox_is_waited_for(void **state)
{
	unsigned before = mbox_lock_wait_milliseconds;
	struct error error;
	size_t size;
	int file;

	(void)state;
	world_put(OLD_ENVELOPE "\none\n\n");
	file = open(world_path("", ".lock"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file, "1\n", 2), 2);
	close(file);
	mbox_lock_wait_milliseconds = 20;
	assert_int_equal(deliver_to(world_place, "a", "y\n", 2, NULL, NULL, &error), -1);
	mbox_lock_wait_milliseconds = before;
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	free(world_get(&size));
	assert_int_equal(size, strlen(OLD_ENVELOPE "\none\n\n"));
	assert_int_equal(unlink(world_path("", ".lock")), 0);
}

/* A message that cannot be read leaves nothing, and the other of its group arrives. */
static void
test_what_fails_is_cut_off(void **state)
{
	int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct delivery deliveries[3] = {
		{ .place = world_place, .sender = "a", .head = "h: 1\n", .head_size = 5 },
		{ .place = world_place, .sender = "b", .head = "h: 2\n", .head_size = 5, .message = directory },
		{ .place = world_place, .sender = "c", .head = "h: 3\n", .head_size = 5 },
	};
	struct append *appends[3];
	struct error error;
	char *content;

	(void)state;
	world_put("");
	deliveries[0].message = message_of("\none\n", 5);
	deliveries[2].message = message_of("\nthree\n", 7);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(append_begin(&appends[i], &deliveries[i], &error), 0);
	appends[0]->next = appends[1];
	appends[1]->next = appends[2];
	appends[0]->ops->commit(appends[0]);
	assert_int_equal(appends[0]->result, 0);
	assert_int_equal(appends[1]->result, -1);
	assert_int_equal(appends[1]->error.kind, ERROR_TEMPORARY);
	assert_int_equal(appends[2]->result, 0);
	for (size_t i = 0; i < 3; i++) {
		append_end(appends[i]);
		close(deliveries[i].message);
	}
	content = content_get();
	assert_string_equal(content, "From a DATE\nh: 1\n\none\n\nFrom c DATE\nh: 3\n\nthree\n\n");
	free(content);
}

static void
test_quota(void **state)
{
	/* There are two messages of 76 octets together; the message is of 3 octets, stored, or of 9. */
	static const struct {
		struct quota quota;
		const char *text;
		int result;
		unsigned percent;
	} cases[] = {
		{ { 0, 0, 0 }, "y\n", 0, 0 },
		{ { 79, 0, 0 }, "y\n", 0, 100 },
		{ { 78, 0, 0 }, "y\n", -1, 0 },
		{ { 85, 0, 0 }, "From y\n", 0, 100 },
		{ { 84, 0, 0 }, "From y\n", -1, 0 },
		{ { 0, 3, 0 }, "y\n", 0, 100 },
		{ { 0, 2, 0 }, "y\n", -1, 0 },
	};
	static const char before[] = OLD_ENVELOPE "\none\n\n" OLD_ENVELOPE "\ntwo\n\n";
	static int (*const ways[])(const char *, const char *, const char *, size_t, const struct quota *,
	    struct append *, struct error *) = { deliver_to, deliver_in_pieces };

	(void)state;
	for (size_t k = 0; k < 2 * sizeof(cases) / sizeof(cases[0]); k++) {
		size_t i = k / 2, size;
		struct append outcome = { .quota_percent = 0 };
		struct error error;

		world_put(before);
		assert_int_equal(sizeof(before) - 1, 76);
		if (ways[k % 2](world_place, "a", cases[i].text, strlen(cases[i].text), &cases[i].quota, &outcome,
			&error) != cases[i].result)
			fail_msg("case %zu, way %zu", i, k % 2);
		assert_int_equal(outcome.quota_percent, cases[i].percent);
		if (cases[i].result == 0)
			continue;
		assert_int_equal(error.kind, ERROR_FULL);
		free(world_get(&size));
		assert_int_equal(size, sizeof(before) - 1);
	}
	unlink(world_mbox);
	assert_int_equal(deliver_to(world_place, "a", "y\n", 2, &cases[2].quota, NULL, &(struct error){ 0 }), 0);
}

/* An append that was interrupted behind its guard, with what other programs delivered since. */
static void
test_a_guard_that_is_left(void **state)
{
	static const char before[] = OLD_ENVELOPE "\none\n\n" OLD_ENVELOPE "\ntwo\n\n";
	static const char *const befores[] = { before, "" };
	static const char *const written[] = { "", OLD_ENVELOPE "\nhal", OLD_ENVELOPE "\nall of it\n\n" };
	static const char *const behind[] = { "", OLD_ENVELOPE "\nforeign\n\n" };

	(void)state;
	for (unsigned i = 0; i < 2 * 3 * 2 * 2; i++) {
		const char *old = befores[i / 12];
		size_t kept = old[0] != '\0' ? 2 : 0, count = kept + i / 2 % 2 + i % 2;
		struct store *store;
		struct error error;
		int file;

		world_put(old);
		file = open(world_mbox, O_RDWR | O_CLOEXEC);
		assert_true(file >= 0);
		assert_int_equal(mbox_journal_guard(file, strlen(old), 700, &error), 0);
		assert_true(mbox_journal_ends(file, (uint64_t)lseek(file, 0, SEEK_END)));
		assert_true(pwrite(file, written[i / 4 % 3], strlen(written[i / 4 % 3]), (off_t)strlen(old)) >= 0);
		close(file);
		world_append(behind[i / 2 % 2]);
		if (i % 2 == 1)
			deliver("a", "\nthree\n");
		store = world_open();
		assert_int_equal(store->count, count);
		if (kept > 0)
			world_assert_text(store, 1, "\ntwo\n");
		if (i / 2 % 2 == 1)
			world_assert_text(store, kept, "\nforeign\n");
		if (i % 2 == 1)
			world_assert_text(store, count - 1, "\nthree\n");
		store_close(store);
	}
}

#define THREADS 12
#define EACH    10

struct worker {
	pthread_t id;
	struct append_group *group;
	unsigned number;
};

static void *
worker_run(void *context)
{
	struct worker *worker = context;
	char place[96], text[64];

	snprintf(place, sizeof(place), "%s%u", world_place, worker->number % 2);
	for (unsigned i = 0; i < EACH; i++) {
		struct delivery delivery = { .place = place, .sender = "a", .head = "" };
		struct append *append;
		struct error error;

		snprintf(text, sizeof(text), "\n%u %u\n", worker->number, i);
		delivery.message = message_of(text, strlen(text));
		assert_int_equal(append_begin(&append, &delivery, &error), 0);
		if (append_commit(append, worker->group, &error) != 0)
			fail_msg("%s", error.text);
		append_end(append);
		close(delivery.message);
	}
	return NULL;
}

static void
test_a_group(void **state)
{
	struct worker workers[THREADS];
	struct append_group group;
	size_t count = 0;

	(void)state;
	append_group_begin(&group);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .group = &group, .number = i };
		assert_int_equal(pthread_create(&workers[i].id, NULL, worker_run, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(workers[i].id, NULL), 0);
	append_group_end(&group);
	for (unsigned i = 0; i < 2; i++) {
		struct store *store;
		struct error error;
		char place[96];

		snprintf(place, sizeof(place), "%s%u", world_place, i);
		assert_int_equal(store_open(&store, place, &error), 0);
		count += store->count;
		store_close(store);
	}
	assert_int_equal(count, THREADS * EACH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_another_size, world_begin),
		cmocka_unit_test_setup(test_contents, world_begin),
		cmocka_unit_test_setup(test_a_long_text, world_begin),
		cmocka_unit_test_setup(test_a_missing_file_is_made, world_begin),
		cmocka_unit_test_setup(test_a_session_keeps_its_numbers, world_begin),
		cmocka_unit_test_setup(test_a_locked_mbox_is_waited_for, world_begin),
		cmocka_unit_test_setup(test_what_fails_is_cut_off, world_begin),
		cmocka_unit_test_setup(test_quota, world_begin),
		cmocka_unit_test_setup(test_a_guard_that_is_left, world_begin),
		cmocka_unit_test_setup(test_a_group, world_begin),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
