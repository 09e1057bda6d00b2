/*
 * The index is used where nothing has changed, believed nowhere else, and can be lost, cut, flipped
 * or forged without a wrong answer.
 *
 * Whether a directory or a message was read is seen by a size that only the index could have told:
 * the test writes an index with a false size into it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "store/index_file.h"
#include "store/maildir_scan.h"
#include "store/maildir_world.h"

#define FALSE_SIZE 4711

static char index_path[96];

/* The last change of both directories was long ago: what is recorded now is settled. */
static void
directories_settle(void)
{
	struct index_stamp stamps[2];

	do {
		usleep(20000);
		maildir_stamps(world_directory, stamps);
	} while (!stamps[0].settled || !stamps[1].settled);
}

static int
setup(void **state)
{
	if (world_begin(state) != 0)
		return -1;
	snprintf(index_path, sizeof(index_path), "%s/" INDEX_NAME, world_root);
	world_put("cur/1.a:2,S", "a\n");
	world_put("new/2.b", "bb\n");
	world_put("cur/3 c:2,", "ccc\n");
	directories_settle();
	return 0;
}

static uint64_t
size_of(struct store *store, size_t index)
{
	struct message message;
	struct error error;

	assert_int_equal(store_message(store, index, &message, &error), 0);
	return message.size;
}

static void
open_and_close(void)
{
	store_close(world_open());
}

static int
index_reread(struct index_list *list, struct error *error)
{
	struct index_stamp now[2];
	struct index_place where;

	maildir_stamps(world_directory, now);
	index_place_beside(&where, world_directory, INDEX_NAME);
	return index_read(list, &where, now, error);
}

/* Rewrites the index with a false size for its first message. */
static void
index_falsify(void)
{
	struct index_list list, copy = { 0 };
	struct index_place where;
	struct error error;

	assert_int_equal(index_reread(&list, &error), 1);
	assert_true(index_map(&list));
	memcpy(copy.stamps, list.stamps, sizeof(copy.stamps));
	for (size_t i = 0; i < list.count; i++) {
		struct index_entry entry = list.entries[i];

		entry.wire_size = i == 0 ? FALSE_SIZE : entry.wire_size;
		assert_int_equal(index_append(&copy, &entry, index_base(&list, &entry), entry.base_size,
		    index_flags(&list, &entry), index_own_uidl(&list, &entry)), 0);
	}
	index_place_beside(&where, world_directory, INDEX_NAME);
	assert_int_equal(index_write(&copy, NULL, &where, &error), 0);
	index_free(&list);
	index_free(&copy);
}

static void
assert_true_answers(struct store *store)
{
	static const uint64_t sizes[] = { 3, 4, 5 };
	static const char *const uidls[] = { "1.a", "2.b" };

	assert_int_equal(store->count, 3);
	assert_int_equal(store->octets, 12);
	for (size_t i = 0; i < 3; i++) {
		struct message message;
		struct error error;
		char text[8];

		assert_int_equal(store_message(store, i, &message, &error), 0);
		assert_int_equal(message.size, sizes[i]);
		assert_int_equal(message.uidl_size, i < 2 ? 3 : 64);
		if (i < 2)
			assert_memory_equal(message.uidl, uidls[i], 3);
		assert_int_equal(store_read(store, i, 0, text, sizeof(text), &error), (ssize_t)i + 2);
		assert_memory_equal(text, &"a\nbb\nccc\n"[i == 0 ? 0 : i == 1 ? 2 : 5], i + 2);
	}
}

static void
test_an_unchanged_maildrop_is_not_read(void **state)
{
	struct store *store;

	(void)state;
	open_and_close();
	store = world_open();
	assert_true_answers(store);
	store_close(store);
	index_falsify();
	store = world_open();
	assert_int_equal(store->count, 3);
	assert_int_equal(store->octets, FALSE_SIZE + 4 + 5);
	store_close(store);
}

static void
test_a_size_is_counted_once(void **state)
{
	struct store *store;

	(void)state;
	open_and_close();
	index_falsify();
	world_put("new/4.d", "dddd\n");
	store = world_open();
	assert_int_equal(store->count, 4);
	assert_int_equal(size_of(store, 0), FALSE_SIZE);
	assert_int_equal(size_of(store, 3), 6);
	store_close(store);
}

static void
test_a_recent_change_proves_nothing(void **state)
{
	struct index_list list;
	struct error error;

	(void)state;
	world_put("new/4.d", "dddd\n");
	open_and_close();
	assert_int_equal(index_reread(&list, &error), 1);
	assert_false(list.stamps[MAILDIR_NEW].settled);
	assert_true(list.stamps[MAILDIR_CUR].settled);
	assert_false(index_stamp_same(&list.stamps[MAILDIR_NEW], &list.stamps[MAILDIR_NEW]));
	index_free(&list);
	directories_settle();
	open_and_close();
	assert_int_equal(index_reread(&list, &error), 1);
	assert_true(list.stamps[MAILDIR_NEW].settled);
	index_free(&list);
}

/* Each kind of change in either directory is seen. */
static void
test_changes_are_seen(void **state)
{
	struct store *store;

	(void)state;
	open_and_close();
	assert_int_equal(renameat(world_directory, "new/2.b", world_directory, "cur/2.b:2,S"), 0);
	store = world_open();
	assert_true_answers(store);
	store_close(store);
	directories_settle();
	open_and_close();
	assert_int_equal(renameat(world_directory, "cur/1.a:2,S", world_directory, "cur/1.a:2,RS"), 0);
	store = world_open();
	assert_true_answers(store);
	store_close(store);
	directories_settle();
	open_and_close();
	assert_int_equal(unlinkat(world_directory, "cur/1.a:2,RS", 0), 0);
	store = world_open();
	assert_int_equal(store->count, 2);
	store_close(store);
}

static void
test_removed_messages_are_forgotten(void **state)
{
	static const bool marked[] = { false, true, false };
	struct index_list list;
	struct store *store;
	struct error error;

	(void)state;
	open_and_close();
	store = world_open();
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_release(store);
	store_close(store);
	assert_int_equal(index_reread(&list, &error), 1);
	assert_int_equal(list.count, 2);
	assert_true(index_entry_sound(&list, 0) && index_entry_sound(&list, 1));
	index_free(&list);
	store = world_open();
	assert_int_equal(store->count, 2);
	assert_int_equal(store->octets, 8);
	store_close(store);
}

static void
test_a_lie_in_a_name_is_corrected(void **state)
{
	struct store *store;

	(void)state;
	world_put("new/9.lie,S=5,W=99", "four\n");
	directories_settle();
	store = world_open();
	assert_int_equal(size_of(store, 3), 99);
	store_sent(store, 3, 6, false);
	assert_int_equal(size_of(store, 3), 99);	/* this session's sizes hold still */
	store_close(store);
	store = world_open();
	assert_int_equal(size_of(store, 3), 6);
	store_close(store);
	world_put("new/8.e", "e\n");
	store = world_open();
	assert_int_equal(size_of(store, 4), 6);
	store_close(store);
}

static void
index_overwrite(const void *data, size_t size)
{
	int file = open(index_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, data, size), (ssize_t)size);
	close(file);
}

static size_t
index_load(char *data, size_t size)
{
	int file = open(index_path, O_RDONLY);
	ssize_t n = read(file, data, size);

	close(file);
	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

/* Opened with whatever is in the index: right answers, or a session that ends and is right next time. */
static void
assert_never_wrong(void)
{
	struct store *store = world_open();
	bool damaged = false;

	if (store->count == 3) {
		struct message message;
		struct error error;

		for (size_t i = 0; i < 3; i++)
			damaged = damaged || store_message(store, i, &message, &error) != 0;
	}
	if (!damaged)
		assert_true_answers(store);
	store_close(store);
	store = world_open();
	assert_true_answers(store);
	store_close(store);
}

static void
test_cut_anywhere(void **state)
{
	char data[4096];
	size_t size;

	(void)state;
	open_and_close();
	size = index_load(data, sizeof(data));
	for (size_t cut = 0; cut < size; cut++) {
		index_overwrite(data, cut);
		assert_never_wrong();
	}
}

static void
test_any_bit_flipped(void **state)
{
	char data[4096];
	size_t size;

	(void)state;
	open_and_close();
	size = index_load(data, sizeof(data));
	for (size_t bit = 0; bit < size * 8; bit += 3) {
		data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
		index_overwrite(data, size);
		assert_never_wrong();
		data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
	}
}

/* Damage must not get a checksum that fits when a later session has something else to remember. */
static void
test_damage_is_not_written_again(void **state)
{
	static const bool marked[] = { true, false, false };
	const size_t at = sizeof(struct index_header) + 2 * sizeof(struct index_entry) +
	    offsetof(struct index_entry, wire_size);
	struct store *store;
	struct error error;
	char data[4096], kept;
	size_t size;

	(void)state;
	open_and_close();
	size = index_load(data, sizeof(data));
	kept = data[at];
	data[at] = 99;
	index_overwrite(data, size);
	store = world_open();
	store_sent(store, 0, size_of(store, 0) + 1, false);
	store_close(store);
	store = world_open();
	assert_true(store_message(store, 2, &(struct message){ .size = 0 }, &error) != 0 ||
	    size_of(store, 2) == 5);
	store_close(store);
	data[at] = kept;
	data[at - offsetof(struct index_entry, wire_size) + offsetof(struct index_entry, name) + 3] = 127;
	index_overwrite(data, size);
	store = world_open();
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_close(store);
	store = world_open();
	assert_int_equal(store->count, 2);
	assert_int_equal(size_of(store, 1), 5);
	store_close(store);
}

static void
test_of_another_kind(void **state)
{
	struct index_header *header;
	struct index_stamp now[2];
	struct index_place where;
	struct index_list list;
	struct error error;
	_Alignas(8) char data[4096];
	size_t size;

	(void)state;
	open_and_close();
	size = index_load(data, sizeof(data));
	header = (struct index_header *)data;
	maildir_stamps(world_directory, now);
	now[MAILDIR_NEW].inode++;
	now[MAILDIR_CUR].inode++;
	index_place_beside(&where, world_directory, INDEX_NAME);
	assert_int_equal(index_read(&list, &where, now, &error), -1);
	assert_non_null(strstr(error.text, "another maildrop"));
	header->head.version++;
	index_overwrite(data, size);
	assert_int_equal(index_reread(&list, &error), -1);
	assert_non_null(strstr(error.text, "version"));
	header->head.byte_order = __builtin_bswap32(header->head.byte_order);
	index_overwrite(data, size);
	assert_int_equal(index_reread(&list, &error), -1);
	assert_non_null(strstr(error.text, "byte order"));
	assert_never_wrong();
}

static void
test_without_an_index(void **state)
{
	struct store *store;

	(void)state;
	open_and_close();
	assert_int_equal(unlink(index_path), 0);
	store = world_open();
	assert_true_answers(store);
	store_close(store);
	assert_int_equal(access(index_path, F_OK), 0);
}

/* Enough to be mapped instead of read, and enough for several threads to count. */
static void
test_many_messages(void **state)
{
	struct store *store;

	(void)state;
	for (int i = 0; i < 500; i++) {
		char name[64], text[64];

		snprintf(name, sizeof(name), "cur/%d.many:2,", 1000 + i);
		snprintf(text, sizeof(text), "%*d\n", 1 + i % 50, 7);
		world_put(name, text);
	}
	directories_settle();
	for (int round = 0; round < 2; round++) {
		store = world_open();
		assert_int_equal(store->count, 503);
		for (int i = 0; i < 500; i++)
			assert_int_equal(size_of(store, 3 + (size_t)i), 3 + i % 50);
		store_close(store);
	}
}

/* In a process that may not read one of the files: 0 if all is as it should be. */
static int
look_as_somebody_else(void)
{
	struct message message;
	struct store *store;
	struct error error;
	char text[8];

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 1;
	if (store_open(&store, world_place, &error) != 0 || store->count != 3)
		return 2;
	if (store_message(store, 1, &message, &error) != 0 || message.size != 3)
		return 3;
	if (store_read(store, 1, 0, text, sizeof(text), &error) != -1 || error.kind != ERROR_PERMANENT)
		return 4;
	if (store_read(store, 2, 0, text, sizeof(text), &error) != 4)
		return 5;
	store_close(store);
	return 0;
}

static void
test_a_message_that_cannot_be_read_keeps_its_place(void **state)
{
	struct store *store;
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(fchmod(world_directory, 0777) | fchmodat(world_directory, "new", 0777, 0) |
	    fchmodat(world_directory, "cur", 0777, 0) | fchmodat(world_directory, "cur/1.a:2,S", 0644, 0) |
	    fchmodat(world_directory, "cur/3 c:2,", 0644, 0) | fchmodat(world_directory, "new/2.b", 0, 0), 0);
	directories_settle();
	child = fork();
	if (child == 0)
		_exit(look_as_somebody_else());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(fchmodat(world_directory, "new/2.b", 0644, 0), 0);
	store = world_open();
	assert_true_answers(store);
	store_close(store);
}

/* Does this process have the index mapped? */
static bool
is_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		found = found || strstr(line, index_path) != NULL;
	fclose(maps);
	return found;
}

/* Its header is enough for STAT; what is in it is there when it is asked for. */
static void
test_a_large_index_is_mapped_when_it_is_needed(void **state)
{
	enum { COUNT = 400 };
	bool marked[COUNT + 3] = { [7] = true };
	struct store *store;
	struct error error;
	char name[32];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "new/%d.d", 1000 + i);
		world_put(name, "d\n");
	}
	directories_settle();
	open_and_close();
	index_falsify();
	store = world_open();
	assert_int_equal(store->count, COUNT + 3);
	assert_int_equal(store->octets, FALSE_SIZE + 4 + 5 + COUNT * 3);
	assert_false(is_mapped());
	assert_int_equal(size_of(store, 0), FALSE_SIZE);
	assert_true(is_mapped());
	store_close(store);
	assert_false(is_mapped());
	/* Something is removed that nobody has looked at. */
	store = world_open();
	assert_int_equal(store_remove(store, marked, &error), 0);
	store_close(store);
	assert_false(world_has("new/1004.d"));
	store = world_open();
	assert_int_equal(store->count, COUNT + 2);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_an_unchanged_maildrop_is_not_read, setup),
		cmocka_unit_test_setup(test_a_size_is_counted_once, setup),
		cmocka_unit_test_setup(test_a_recent_change_proves_nothing, setup),
		cmocka_unit_test_setup(test_changes_are_seen, setup),
		cmocka_unit_test_setup(test_removed_messages_are_forgotten, setup),
		cmocka_unit_test_setup(test_a_lie_in_a_name_is_corrected, setup),
		cmocka_unit_test_setup(test_cut_anywhere, setup),
		cmocka_unit_test_setup(test_any_bit_flipped, setup),
		cmocka_unit_test_setup(test_damage_is_not_written_again, setup),
		cmocka_unit_test_setup(test_of_another_kind, setup),
		cmocka_unit_test_setup(test_without_an_index, setup),
		cmocka_unit_test_setup(test_many_messages, setup),
		cmocka_unit_test_setup(test_a_large_index_is_mapped_when_it_is_needed, setup),
		cmocka_unit_test_setup(test_a_message_that_cannot_be_read_keeps_its_place, setup),
	};
	int result;

	log_level_set(LOG_LEVEL_ERROR);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return result;
}
