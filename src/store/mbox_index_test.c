/* The index of an mbox: when it is used, when not, and that no damage to it shows a wrong message. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/mbox_file.h"
#include "store/mbox_world.h"

#define A ENVELOPE "Subject: a\n\nalpha\n\n"
#define B ENVELOPE "Subject: b\n\nbeta\n\n"
#define C ENVELOPE "Subject: c\n\ngamma\n\n"
#define D ENVELOPE "Subject: d\n\ndelta\n\n"	/* as long as A */
#define TEXT_A "Subject: a\n\nalpha\n"
#define TEXT_B "Subject: b\n\nbeta\n"
#define TEXT_C "Subject: c\n\ngamma\n"

static void
open_and_close(void)
{
	store_close(world_open());
}

static bool
is_mapped(const struct store *store)
{
	return ((const struct mbox *)(const void *)store)->list.map != NULL;
}

static bool
is_begun(const struct store *store)
{
	return ((const struct mbox *)(const void *)store)->list.seen_from > 0;
}

/* Writes at offset of a file that keeps its size and its time of modification. */
static void
octets_change(const char *path, off_t offset, const char *octets, size_t size)
{
	int file = open(path, O_RDWR | O_CLOEXEC);
	struct stat status;
	struct timespec times[2];

	assert_int_equal(fstat(file, &status), 0);
	assert_int_equal(pwrite(file, octets, size, offset), (ssize_t)size);
	times[0] = status.st_atim;
	times[1] = status.st_mtim;
	assert_int_equal(futimens(file, times), 0);
	close(file);
}

/* What was in the file when the index was written, and how it is now. */
static const struct {
	const char *name, *before, *after;
	bool whole, beginning;
	const char *texts[4];
} cases[] = {
	{ "unchanged", A B, NULL, true, false, { TEXT_A, TEXT_B } },
	{ "empty", "", NULL, true, false, { NULL } },
	{ "appended", A B, A B C, false, true, { TEXT_A, TEXT_B, TEXT_C } },
	{ "appended to a line that was open", A ENVELOPE "Subject: b\n\nbe", A ENVELOPE "Subject: b\n\nbeta\n\n" C,
	    false, true, { TEXT_A, TEXT_B, TEXT_C } },
	{ "appended to the first", A, A B, false, true, { TEXT_A, TEXT_B } },
	{ "rewritten with the same size", A C, C A, false, false, { TEXT_C, TEXT_A } },
	{ "first removed", A B C, B C, false, false, { TEXT_B, TEXT_C } },
	{ "rewritten and longer", A, C C B, false, false, { TEXT_C, TEXT_C, TEXT_B } },
	{ "swapped and longer", A D, D A C, false, false, { "Subject: d\n\ndelta\n", TEXT_A, TEXT_C } },
	{ "cut", A B, A, false, false, { TEXT_A } },
};

static void
test_when_it_is_used(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store *store;
		size_t count = 0;

		world_begin(NULL);
		world_put(cases[i].before);
		world_make_old();
		open_and_close();
		if (cases[i].after != NULL)
			world_put(cases[i].after);
		store = world_open();
		/* One message of the beginning is always looked at again. */
		if (is_mapped(store) != cases[i].whole ||
		    (cases[i].beginning && !is_begun(store) && strcmp(cases[i].before, A) != 0))
			fail_msg("%s: the index is%s used", cases[i].name, is_mapped(store) ? "" : " not");
		for (; count < 4 && cases[i].texts[count] != NULL; count++)
			world_assert_text(store, count, cases[i].texts[count]);
		assert_int_equal(store->count, count);
		store_close(store);
	}
}

/* So long that the tail does not hold what it begins with. */
static void
put_long(const char *text)
{
	world_put(text);
	for (int i = 0; i < 100; i++)
		world_append(ENVELOPE "Subject: filler\n\nThis is here to make the mailbox long.\n\n");
}

/* The file is not read again; and yet what is not what it was is not handed out. */
static void
test_unchanged_is_not_read(void **state)
{
	struct store *store;
	struct error error;
	char octet;

	(void)state;
	put_long(A B);
	world_make_old();
	open_and_close();
	octets_change(world_mbox, (off_t)strlen(ENVELOPE "Subject: a\n\n"), "omega", 5);
	store = world_open();
	assert_true(is_mapped(store));
	assert_int_equal(store->count, 102);
	assert_int_equal(store_read(store, 0, 0, &octet, 1, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	world_assert_text(store, 1, TEXT_B);
	store_close(store);
	/* Another time of modification is enough to read it. */
	open_and_close();
	assert_int_equal(utimensat(AT_FDCWD, world_mbox, NULL, 0), 0);
	store = world_open();
	assert_false(is_mapped(store));
	world_assert_text(store, 0, "Subject: a\n\nomega\n");
	store_close(store);
}

static void
test_another_file_of_the_same_looks(void **state)
{
	struct timespec times[2];
	struct store *store;
	struct stat status;

	(void)state;
	put_long(A C B);
	open_and_close();
	assert_int_equal(stat(world_mbox, &status), 0);
	assert_int_equal(rename(world_mbox, world_path("", ".old")), 0);
	put_long(C A B);
	times[0] = status.st_atim;
	times[1] = status.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, world_mbox, times, 0), 0);
	store = world_open();
	assert_false(is_mapped(store));
	world_assert_text(store, 0, TEXT_C);
	store_close(store);
}

/* Every octet of it changed once, and every length it can be cut to. */
static void
test_damage(void **state)
{
	size_t size;
	struct stat status;
	char *good;
	FILE *file;

	(void)state;
	world_put(A B);
	world_make_old();
	open_and_close();
	assert_int_equal(stat(world_path(".", ".restante-index"), &status), 0);
	size = (size_t)status.st_size;
	good = malloc(size);
	file = fopen(world_path(".", ".restante-index"), "r");
	assert_int_equal(fread(good, 1, size, file), size);
	fclose(file);
	for (size_t i = 0; i < 2 * size; i++) {
		struct message message;
		struct error error;
		struct store *store;

		file = fopen(world_path(".", ".restante-index"), "w");
		good[i / 2] ^= 0x10;
		assert_int_equal(fwrite(good, 1, i % 2 == 0 ? size : i / 2, file), i % 2 == 0 ? size : i / 2);
		good[i / 2] ^= 0x10;
		fclose(file);
		store = world_open();
		assert_int_equal(store->count, 2);
		for (size_t j = 0; j < 2; j++)
			if (store_message(store, j, &message, &error) == 0)
				world_assert_text(store, j, j == 0 ? TEXT_A : TEXT_B);
			else
				assert_int_equal(error.kind, ERROR_TEMPORARY);
		store_close(store);
		open_and_close();
		store = world_open();
		for (size_t j = 0; j < 2; j++)
			assert_int_equal(store_message(store, j, &message, &error), 0);
		store_close(store);
	}
	free(good);
}

/* What is remembered after a removal is what a new reading would find. */
static void
test_after_a_removal(void **state)
{
	static const unsigned sets[] = { 1, 2, 4, 5, 3, 6, 7 };
	static const char *const texts[] = { TEXT_A, TEXT_B, TEXT_C };
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		char uidls[3][UIDL_SIZE];

		world_put(A B C);
		assert_int_equal(world_remove(sets[i], &error), 0);
		for (int again = 0; again < 2; again++) {
			struct store *store = world_open();
			size_t count = 0;

			assert_true(is_mapped(store) == (again == 0));
			for (size_t j = 0; j < 3; j++) {
				char uidl[UIDL_SIZE];

				if ((sets[i] >> j & 1) != 0)
					continue;
				world_assert_text(store, count, texts[j]);
				world_uidl(store, count, again ? uidl : uidls[j]);
				if (again)
					assert_string_equal(uidl, uidls[j]);
				count++;
			}
			assert_int_equal(store->count, count);
			store_close(store);
			unlink(world_path(".", ".restante-index"));
		}
	}
}

static int
open_twice(void *context)
{
	struct store *store;

	(void)context;
	open_and_close();
	store = world_open();
	return store->count == 2 && !is_mapped(store) ? 0 : 1;
}

static void
test_no_place_for_it(void **state)
{
	(void)state;
	world_put(A B);
	assert_int_equal(world_as_stranger_to_directory(open_twice, NULL), 0);
	assert_false(world_has(".", ".restante-index"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_when_it_is_used, world_begin),
		cmocka_unit_test_setup(test_unchanged_is_not_read, world_begin),
		cmocka_unit_test_setup(test_another_file_of_the_same_looks, world_begin),
		cmocka_unit_test_setup(test_damage, world_begin),
		cmocka_unit_test_setup(test_after_a_removal, world_begin),
		cmocka_unit_test_setup(test_no_place_for_it, world_begin),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
