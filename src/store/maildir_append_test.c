/* Delivery into a Maildir, in a private one: what lies there afterwards, and what a session sees. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "mail/wire.h"
#include "store/maildir_name.h"
#include "store/maildir_world.h"

#define HEAD "Return-Path: <a@b>\n"

static const char *host = "mx";

int __wrap_gethostname(char *name, size_t size);

int
__wrap_gethostname(char *name, size_t size)
{
	snprintf(name, size, "%s", host);
	return 0;
}

/* Messages are handed over without a file. */
static bool in_memory;
/* Or in pieces of that size; 0: they are not. */
static size_t piece_size;

static int
message_of(const char *text, size_t size)
{
	int file = memfd_create("message", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(pwrite(file, text, size, 0), (ssize_t)size);
	return file;
}

static int
begin_in_pieces(struct append **append, const struct delivery *delivery, const char *text, size_t size,
    struct error *error)
{
	int result = append_start(append, delivery, error);

	for (size_t at = 0; result == 0 && at < size; at += piece_size)
		result = append_put(*append, text + at, size - at < piece_size ? size - at : piece_size, error);
	if (result == 0)
		result = append_finish(*append, error);
	if (result != 0)
		append_end(*append);
	return result;
}

static int
deliver_to(const char *place, const char *head, const char *text, size_t size,
    const struct quota *quota, struct append *outcome, struct error *error)
{
	struct delivery delivery = { .place = place, .index_directory = STORE_INDEX_BESIDE,
		.sender = "a@b", .head = head, .head_size = strlen(head), .message = message_of(text, size) };
	struct append *append = NULL;
	int result;

	if (quota != NULL)
		delivery.quota = *quota;
	if (in_memory) {
		delivery.text = text;
		delivery.message_size = size;
	}
	result = piece_size > 0 ? begin_in_pieces(&append, &delivery, text, size, error) :
	    append_begin(&append, &delivery, error);
	if (result == 0) {
		result = append_commit(append, NULL, error);
		if (outcome != NULL)
			*outcome = *append;
		append_end(append);
	}
	close(delivery.message);
	return result;
}

static void
deliver(const char *text)
{
	struct error error;

	if (deliver_to(world_place, "", text, strlen(text), NULL, NULL, &error) != 0)
		fail_msg("%s", error.text);
}

/* How many files; name is that of the last. */
static size_t
files_count(const char *directory, char name[256])
{
	int file = openat(world_directory, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	size_t count = 0;
	DIR *entries;

	assert_true(file >= 0);
	entries = fdopendir(file);
	assert_non_null(entries);
	while ((entry = readdir(entries)) != NULL)
		if (entry->d_name[0] != '.') {
			count++;
			if (name != NULL)
				memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
		}
	closedir(entries);
	return count;
}

static size_t
file_read(const char *name, char *buffer, size_t size)
{
	int file = openat(world_directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(file >= 0);
	n = read(file, buffer, size - 1);
	assert_true(n >= 0);
	buffer[n] = '\0';
	close(file);
	return (size_t)n;
}

static void
test_texts(void **state)
{
	static const struct {
		const char *head, *text, *stored;
		unsigned wire_size;
	} cases[] = {
		{ HEAD, "a: b\r\n\r\nc\r\n", HEAD "a: b\n\nc\n", 20 + 11 },
		{ HEAD, "a: b\n\nc\n", HEAD "a: b\n\nc\n", 20 + 11 },
		{ "", "a\r\nb\nc\r\n", "a\nb\nc\n", 9 },
		{ "", "no end", "no end", 8 },
		{ "", "a\rb\r\n", "a\rb\n", 5 },
		{ "", "a\r\r\n", "a\r\r\n", 4 },
		{ "", "a\r\r\nb\r\n", "a\r\r\nb\n", 7 },
		{ "", "\r\n\r\n", "\n\n", 4 },
		{ "", "a\r", "a\r", 3 },
		{ "", "\r", "\r", 2 },
		{ "", "", "", 0 },
		{ HEAD, "", HEAD, 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[256] = "", path[300], stored[256];
		struct maildir_name parsed;
		struct error error;

		world_begin(NULL);
		assert_int_equal(deliver_to(world_place, cases[i].head, cases[i].text,
		    strlen(cases[i].text), NULL, NULL, &error), 0);
		assert_int_equal(files_count("new", name), 1);
		assert_int_equal(files_count("tmp", NULL), 0);
		snprintf(path, sizeof(path), "new/%s", name);
		assert_int_equal(file_read(path, stored, sizeof(stored)), strlen(cases[i].stored));
		assert_string_equal(stored, cases[i].stored);
		maildir_name_parse(&parsed, name);
		assert_true(parsed.has_wire_size && parsed.has_stored_size);
		assert_int_equal(parsed.stored_size, strlen(stored));
		assert_int_equal(parsed.wire_size, cases[i].wire_size);
	}
}

/* All that is put in and taken out again, over the borders of the buffers. */
static char *
wire_of(const char *text, size_t size, size_t *wire_size)
{
	char *wire = malloc(2 * size + 2);
	char last = '\n';

	assert_non_null(wire);
	*wire_size = 0;
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n' && last != '\r')
			wire[(*wire_size)++] = '\r';
		last = wire[(*wire_size)++] = text[i];
	}
	return wire;
}

static void
test_a_long_text(void **state)
{
	static char text[300001], stored[300001];
	char name[256], path[300];
	size_t size, wire_size, stored_wire_size;
	char *wire, *stored_wire;
	struct maildir_name parsed;
	struct error error;
	unsigned random = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		random = random * 1103515245 + 12345;
		text[i] = "\r\n\r\nab"[(random >> 16) % 6];
	}
	text[sizeof(text) - 1] = '\n';
	assert_int_equal(deliver_to(world_place, "", text, sizeof(text), NULL, NULL, &error), 0);
	assert_int_equal(files_count("new", name), 1);
	snprintf(path, sizeof(path), "new/%s", name);
	size = file_read(path, stored, sizeof(stored));
	assert_true(size < sizeof(text) - 1000);
	wire = wire_of(text, sizeof(text), &wire_size);
	stored_wire = wire_of(stored, size, &stored_wire_size);
	assert_int_equal(wire_size, stored_wire_size);
	assert_memory_equal(wire, stored_wire, wire_size);
	maildir_name_parse(&parsed, name);
	assert_int_equal(parsed.wire_size, wire_size);
	free(wire);
	free(stored_wire);
}

static void
test_from_memory(void **state)
{
	in_memory = true;
	test_texts(state);
	world_begin(NULL);
	test_a_long_text(state);
	in_memory = false;
}

static void
test_in_pieces(void **state)
{
	static const size_t sizes[] = { 1, 7, 4096, 1 << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		piece_size = sizes[i];
		test_texts(state);
		world_begin(NULL);
		test_a_long_text(state);
	}
	piece_size = 0;
}

static void
test_names(void **state)
{
	static const struct {
		const char *host, *pattern;
	} cases[] = {
		{ "mx.example.org", "^[0-9]{10,}\\.M[0-9]{6}P[0-9]+Q[0-9]+\\.mx\\.example\\.org,S=2,W=3$" },
		{ "a/b:c", "^[0-9]{10,}\\.M[0-9]{6}P[0-9]+Q[0-9]+\\.a\\\\057b\\\\072c,S=2,W=3$" },
		{ "", "^[0-9]{10,}\\.M[0-9]{6}P[0-9]+Q[0-9]+\\.localhost,S=2,W=3$" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[256], path[300];
		struct stat status;
		regex_t pattern;

		world_begin(NULL);
		host = cases[i].host;
		deliver("x\n");
		host = "mx";
		assert_int_equal(files_count("new", name), 1);
		assert_int_equal(regcomp(&pattern, cases[i].pattern, REG_EXTENDED | REG_NOSUB), 0);
		if (regexec(&pattern, name, 0, NULL, 0) != 0)
			fail_msg("%s is not %s", name, cases[i].pattern);
		regfree(&pattern);
		snprintf(path, sizeof(path), "new/%s", name);
		assert_int_equal(fstatat(world_directory, path, &status, 0), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
	}
}

/* The name tells all that a session has to know: what the file holds is not looked at. */
static void
test_a_poll_reads_no_message(void **state)
{
	const struct dirent *entry;
	struct message message;
	struct store *store;
	struct error error;
	char path[300];
	DIR *new;

	(void)state;
	deliver("one\n");
	store_close(world_open());
	deliver("number two\n");
	deliver("three\n");
	snprintf(path, sizeof(path), "%s/new", world_root);
	new = opendir(path);
	assert_non_null(new);
	while ((entry = readdir(new)) != NULL)
		if (entry->d_name[0] != '.') {
			snprintf(path, sizeof(path), "new/%s", entry->d_name);
			world_put(path, "something else, and longer\n");
		}
	closedir(new);
	store = world_open();
	assert_int_equal(store->count, 3);
	assert_int_equal(store->octets, 5 + 12 + 7);
	assert_int_equal(store_message(store, 0, &message, &error), 0);
	assert_int_equal(message.size, 5);
	assert_int_equal(store_message(store, 2, &message, &error), 0);
	assert_int_equal(message.size, 7);
	store_close(store);
}

static void
test_a_session_keeps_its_numbers(void **state)
{
	const bool marked[] = { true, false };
	char buffer[16];
	struct store *store;
	struct error error;

	(void)state;
	deliver("one\n");
	deliver("two\n");
	store = world_open();
	deliver("three\n");
	assert_int_equal(store->count, 2);
	assert_int_equal(store_read(store, 1, 0, buffer, sizeof(buffer), &error), 4);
	assert_memory_equal(buffer, "two\n", 4);
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_close(store);
	store = world_open();
	assert_int_equal(store->count, 2);
	assert_int_equal(store_read(store, 1, 0, buffer, sizeof(buffer), &error), 6);
	assert_memory_equal(buffer, "three\n", 6);
	store_close(store);
}

static void
test_missing_directories_are_made(void **state)
{
	static const char *const parts[] = { "/a", "/a/", "/.folder" };

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char place[128], path[160];
		struct stat status;
		struct store *store;
		struct error error;

		snprintf(place, sizeof(place), "%s%s", world_place, parts[i]);
		if (deliver_to(place, "", "x\n", 2, NULL, NULL, &error) != 0)
			fail_msg("%s", error.text);
		snprintf(path, sizeof(path), "%s%s/cur", world_root, parts[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0700);
		assert_int_equal(store_open(&store, place, &error), 0);
		assert_int_equal(store->count, i == 1 ? 2 : 1);
		store_close(store);
	}
	assert_true(world_has(".folder/maildirfolder"));
	assert_false(world_has("a/maildirfolder"));
}

static void
test_parts_that_are_missing(void **state)
{
	static const char *const names[] = { "tmp", "new", "cur" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		world_begin(NULL);
		assert_int_equal(unlinkat(world_directory, names[i], AT_REMOVEDIR), 0);
		deliver("x\n");
		assert_true(world_has(names[i]));
		assert_int_equal(files_count("new", NULL), 1);
	}
}

static void
test_places_that_are_none(void **state)
{
	static const struct {
		const char *rest;
		enum error_kind kind;
	} cases[] = {
		{ "/no/such", ERROR_TEMPORARY },
		{ "/file", ERROR_PERMANENT },
		{ "/file/below", ERROR_PERMANENT },
	};
	struct error error;

	(void)state;
	world_put("file", "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char place[128];

		snprintf(place, sizeof(place), "%s%s", world_place, cases[i].rest);
		assert_int_equal(deliver_to(place, "", "x\n", 2, NULL, NULL, &error), -1);
		assert_int_equal(error.kind, cases[i].kind);
	}
	assert_int_equal(deliver_to("maildir:", "", "x\n", 2, NULL, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
	assert_int_equal(deliver_to("nowhere:/x", "", "x\n", 2, NULL, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMANENT);
}

static void
test_what_is_not_committed_goes(void **state)
{
	struct delivery delivery = { .place = world_place, .sender = "", .head = "" };
	struct append *append;
	struct error error;

	(void)state;
	delivery.message = message_of("x\n", 2);
	assert_int_equal(append_begin(&append, &delivery, &error), 0);
	assert_int_equal(files_count("tmp", NULL), 1);
	assert_int_equal(files_count("new", NULL), 0);
	append_end(append);
	assert_int_equal(files_count("tmp", NULL), 0);
	/* A message that cannot be read. */
	close(delivery.message);
	delivery.message = world_directory;
	assert_int_equal(append_begin(&append, &delivery, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(files_count("tmp", NULL), 0);
}

#define THREADS 16
#define EACH    20

struct worker {
	pthread_t id;
	struct append_group *group;
	unsigned number;
	unsigned done, failed;
	bool stumbles;	/* its place vanishes between the two steps */
};

static void *
worker_run(void *context)
{
	struct worker *worker = context;
	char place[128], text[64], path[160];

	snprintf(place, sizeof(place), "%s/%s%u", world_place, worker->stumbles ? "bad" : "good",
	    worker->number % 3);
	for (unsigned i = 0; i < EACH; i++) {
		struct delivery delivery = { .place = place, .sender = "", .head = "" };
		int size = snprintf(text, sizeof(text), "%u %u\n", worker->number, i);
		struct append *append;
		struct error error;

		if (worker->stumbles)
			snprintf(place, sizeof(place), "%s/bad%u.%u", world_place, worker->number, i);
		delivery.message = message_of(text, (size_t)size);
		assert_int_equal(append_begin(&append, &delivery, &error), 0);
		snprintf(path, sizeof(path), "%s/new", strchr(place, ':') + 1);
		if (worker->stumbles)
			assert_int_equal(rmdir(path), 0);
		if (append_commit(append, worker->group, &error) == 0)
			worker->done++;
		else
			worker->failed++;
		append_end(append);
		close(delivery.message);
	}
	return NULL;
}

/* It is not as long as it was said to be: nothing of it is stored. */
static void
test_another_size(void **state)
{
	static const struct {
		bool known;
		uint64_t said;
		int result;
	} cases[] = { { true, 5, 0 }, { false, 0, 0 }, { true, 0, -1 }, { true, 4, -1 }, { true, 6, -1 },
		{ true, 1, -1 }, { true, UINT64_MAX, -1 } };
	size_t stored = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct delivery delivery = { .place = world_place, .index_directory = STORE_INDEX_BESIDE,
			.sender = "", .head = HEAD, .head_size = strlen(HEAD),
			.message = message_of("a\r\nb\n", 5), .message_size = cases[i].said,
			.message_size_known = cases[i].known };
		struct append *append;
		struct error error;

		assert_int_equal(append_begin(&append, &delivery, &error), cases[i].result);
		if (cases[i].result == 0) {
			assert_int_equal(append_commit(append, NULL, &error), 0);
			append_end(append);
			stored++;
		} else {
			assert_int_equal(error.kind, ERROR_TEMPORARY);
		}
		close(delivery.message);
		assert_int_equal(files_count("new", NULL), stored);
		assert_int_equal(files_count("tmp", NULL), 0);
	}
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
		workers[i] = (struct worker){ .group = &group, .number = i, .stumbles = i % 4 == 3 };
		assert_int_equal(pthread_create(&workers[i].id, NULL, worker_run, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].id, NULL), 0);
		assert_int_equal(workers[i].done, workers[i].stumbles ? 0 : EACH);
		assert_int_equal(workers[i].failed, workers[i].stumbles ? EACH : 0);
	}
	append_group_end(&group);
	for (unsigned i = 0; i < 3; i++) {
		char path[32];

		snprintf(path, sizeof(path), "good%u/new", i);
		count += files_count(path, NULL);
		snprintf(path, sizeof(path), "good%u/tmp", i);
		assert_int_equal(files_count(path, NULL), 0);
	}
	assert_int_equal(count, (THREADS - THREADS / 4) * EACH);
	assert_int_equal(files_count("bad3.0/tmp", NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_texts, world_begin),
		cmocka_unit_test_setup(test_a_long_text, world_begin),
		cmocka_unit_test_setup(test_from_memory, world_begin),
		cmocka_unit_test_setup(test_in_pieces, world_begin),
		cmocka_unit_test_setup(test_names, world_begin),
		cmocka_unit_test_setup(test_a_poll_reads_no_message, world_begin),
		cmocka_unit_test_setup(test_a_session_keeps_its_numbers, world_begin),
		cmocka_unit_test_setup(test_missing_directories_are_made, world_begin),
		cmocka_unit_test_setup(test_parts_that_are_missing, world_begin),
		cmocka_unit_test_setup(test_places_that_are_none, world_begin),
		cmocka_unit_test_setup(test_what_is_not_committed_goes, world_begin),
		cmocka_unit_test_setup(test_another_size, world_begin),
		cmocka_unit_test_setup(test_a_group, world_begin),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
