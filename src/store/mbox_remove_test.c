/*
 * Removing: every set of messages, in each of the ways, and every crash.
 *
 * Crashes are made by the tape (mbox_tape.h), which counts the system calls that change the file.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/mbox_journal.h"
#include "store/mbox_tape.h"
#include "store/mbox_world.h"

#define MESSAGE_COUNT 5
#define FILE_SIZE_MAX 65536

/* Message i; the sizes differ much, so that what moves overlaps in every way. */
static size_t
message_put(char *out, unsigned i)
{
	static const int body_sizes[MESSAGE_COUNT + 1] = { 3, 900, 20, 2500, 400, 50 };
	int size = sprintf(out, ENVELOPE "Subject: %u\n\n", i);

	for (int j = 0; j < body_sizes[i]; j++)
		out[size++] = j % 60 == 59 ? '\n' : (char)('a' + i);
	return (size_t)size + (size_t)sprintf(out + size, "\n\n");
}

/* How the last of the old messages ends: as it should, in mid-line, or with its last line ended. */
enum ending { WELL, OPEN, ENDED };

/* All messages but those whose bits are set, and behind them a new one if it came. */
static char *
content_make(unsigned removed, enum ending ending, bool came)
{
	char *content = malloc(FILE_SIZE_MAX);
	size_t size = 0;

	for (unsigned i = 0; i < MESSAGE_COUNT; i++)
		if ((removed >> i & 1) == 0)
			size += message_put(content + size, i);
	if (ending != WELL && (removed >> (MESSAGE_COUNT - 1) & 1) == 0)
		size -= ending == OPEN ? 2 : 1;
	if (came)
		size += message_put(content + size, MESSAGE_COUNT);
	content[size] = '\0';
	return content;
}

static int
remove_here(void *context)
{
	struct error error;

	return world_remove(*(const unsigned *)context, &error) == 0 ? 0 : 1;
}

static void
put(unsigned removed, enum ending ending)
{
	char *content = content_make(removed, ending, false);

	world_put(content);
	free(content);
}

static void
assert_content(unsigned removed, enum ending ending, bool came)
{
	char *content = content_make(removed, ending, came);

	world_assert_content(content);
	free(content);
}

static int
setup(void **state)
{
	unsigned chance = tape.chance;

	memset(&tape, 0, sizeof(tape));
	tape.chance = chance;
	return world_begin(state);
}

static void
test_every_set_by_rename(void **state)
{
	(void)state;
	for (unsigned set = 1; set < 1u << MESSAGE_COUNT; set++) {
		struct stat before, after;
		struct error error;

		setup(state);
		put(0, set % 2 == 0 ? OPEN : WELL);
		assert_int_equal(chmod(world_mbox, 0640), 0);
		assert_int_equal(stat(world_mbox, &before), 0);
		assert_int_equal(world_remove(set, &error), 0);
		assert_content(set, set % 2 == 0 ? OPEN : WELL, false);
		assert_int_equal(stat(world_mbox, &after), 0);
		assert_int_equal(after.st_mode, before.st_mode);
		/* 16, 24, 28, 30 and 31 are at the end: the file is cut. */
		assert_int_equal(after.st_ino == before.st_ino, ((set | (set - 1)) + 1 == 1u << MESSAGE_COUNT) &&
		    ((set ^ ((1u << MESSAGE_COUNT) - 1)) & ((set ^ ((1u << MESSAGE_COUNT) - 1)) + 1)) == 0);
		assert_false(world_has(".", ".restante-new"));
		assert_false(world_has("", ".lock"));
	}
}

static void
test_every_set_in_place(void **state)
{
	for (unsigned set = 1; set < 1u << MESSAGE_COUNT; set++) {
		struct stat before, after;

		setup(state);
		put(0, set % 2 == 0 ? OPEN : WELL);
		assert_int_equal(stat(world_mbox, &before), 0);
		assert_int_equal(world_as_stranger_to_directory(remove_here, &set), 0);
		assert_content(set, set % 2 == 0 ? ENDED : WELL, false);
		assert_int_equal(stat(world_mbox, &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
	}
}

/* Where the owner would be another one, or other names would keep the old file, it stays. */
static void
test_the_owner_is_kept(void **state)
{
	struct stat status;
	struct error error;
	ino_t inode;

	(void)state;
	put(0, WELL);
	if (getuid() == 0)
		assert_int_equal(chown(world_mbox, 12345, 8), 0);
	else
		assert_int_equal(link(world_mbox, world_path("", ".other")), 0);
	assert_int_equal(stat(world_mbox, &status), 0);
	inode = status.st_ino;
	assert_int_equal(world_remove(2, &error), 0);
	assert_int_equal(stat(world_mbox, &status), 0);
	assert_int_equal(status.st_ino, inode);
	assert_content(2, WELL, false);
}

/* Takes a removal in place up to its call number die_at, in a process that dies there. */
static bool
crash(unsigned set, unsigned die_at)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct error error;

		tape.die_at = die_at;
		_exit(world_remove(set, &error) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(status, 0);
	return false;
}

/* A rename needs the same owner, which a second name prevents as well. */
static void
forbid_rename(void)
{
	unlink(world_path("", ".other"));
	assert_int_equal(link(world_mbox, world_path("", ".other")), 0);
}

static bool
content_is(const char *found, unsigned removed, enum ending ending, bool came)
{
	char *wanted = content_make(removed, ending, came);
	bool is = strcmp(found, wanted) == 0;

	free(wanted);
	return is;
}

/*
 * Opens, and says whether the old or the new content is there; anything else fails. A last line
 * that was open may have been ended: on the wire it is the same.
 */
static bool
settle(unsigned set, enum ending ending, bool came)
{
	enum ending ended = ending == OPEN ? ENDED : ending;
	char *found;
	bool is_new;

	store_close(world_open());
	found = world_get(NULL);
	is_new = content_is(found, set, ending, came) || content_is(found, set, ended, came);
	if (!is_new && !content_is(found, 0, ending, came) && !content_is(found, 0, ended, came))
		fail_msg("neither the old content nor the new:\n%s", found);
	free(found);
	return is_new;
}

static void
test_kill_at_each_call(void **state)
{
	static const unsigned sets[] = { 1, 2, 5, 8, 10, 15, 7 };

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]) * 4; i++) {
		unsigned die_at = 0, set = sets[i / 4];
		bool crashed, was_new = false;

		do {
			/* Behind a line that is open nobody delivers well. */
			enum ending ending = i % 4 == 2 ? OPEN : WELL;
			bool came = i % 4 == 1, is_new;
			char mail[256];

			setup(state);
			put(0, ending);
			if (i % 4 != 3)
				forbid_rename();
			crashed = crash(set, ++die_at);
			/* Mail that is delivered between the crash and the next session. */
			message_put(mail, MESSAGE_COUNT);
			if (came)
				world_append(mail);
			is_new = settle(set, ending, came);
			/* Once the new content is certain it stays so. */
			assert_true(is_new || !was_new);
			was_new = is_new;
		} while (crashed);
		assert_true(was_new && die_at > (i % 4 != 3 ? 7 : 3));
	}
}

/* A crash in the settling of a crash, with mail that came after each. */
static void
test_kill_while_settling(void **state)
{
	unsigned die_at = 0;
	bool crashed;

	for (unsigned first = 2; first <= 11; first++) {
		die_at = 0;
		do {
			char mail[256];
			int status;
			pid_t child;

			setup(state);
			put(0, WELL);
			forbid_rename();
			crash(5, first);
			message_put(mail, MESSAGE_COUNT);
			world_append(mail);
			die_at++;
			child = fork();
			if (child == 0) {
				tape.die_at = die_at;
				store_close(world_open());
				_exit(0);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			crashed = WIFSIGNALED(status);
			settle(5, WELL, true);
		} while (crashed);
	}
}

/* Recorded in a process of its own: the image is what its disk holds when the power goes. */
static bool
power_failure(unsigned set, unsigned die_at)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct error error;

		tape.die_at = die_at;
		tape.record = true;
		_exit(world_remove(set, &error) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status);
}

static void
test_power_failures(void **state)
{
	uint8_t *image = mmap(NULL, FILE_SIZE_MAX + sizeof(size_t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static const unsigned sets[] = { 1, 2, 5, 10, 15, 24 };

	assert_ptr_not_equal(image, MAP_FAILED);
	for (unsigned round = 0; round < 8 * sizeof(sets) / sizeof(sets[0]); round++) {
		unsigned die_at = 0, set = sets[round / 8];
		bool died;

		do {
			char *content, mail[256];
			int file;

			setup(state);
			put(0, WELL);
			forbid_rename();
			content = world_get((size_t *)(void *)(image + FILE_SIZE_MAX));
			tape.synced = image;
			tape.synced_size = (size_t *)(void *)(image + FILE_SIZE_MAX);
			memcpy(image, content, *tape.synced_size);
			free(content);
			tape.chance = round * 1000 + die_at;
			died = power_failure(set, ++die_at);
			/* The same inode, as after a reboot. */
			file = open(world_mbox, O_WRONLY | O_CLOEXEC);
			assert_int_equal(ftruncate(file, 0), 0);
			assert_int_equal(pwrite(file, image, *tape.synced_size, 0), *tape.synced_size);
			close(file);
			message_put(mail, MESSAGE_COUNT);
			if (round % 2 == 0)
				world_append(mail);
			/* What was answered +OK is done. */
			if (!settle(set, WELL, round % 2 == 0) && !died)
				fail_msg("set %u: the old content after success", set);
		} while (died);
	}
	munmap(image, FILE_SIZE_MAX + sizeof(size_t));
}

/* A full disk: an answer that says so, nothing half done, and the next attempt works. */
static void
test_each_call_fails_once(void **state)
{
	for (int by_rename = 0; by_rename < 2; by_rename++) {
		unsigned fail_at = 0, calls;

		do {
			struct error error;
			int result;

			setup(state);
			put(0, WELL);
			if (!by_rename)
				forbid_rename();
			tape.fail_at = ++fail_at;
			result = world_remove(5, &error);
			calls = tape.calls;
			tape.fail_at = 0;
			assert_true(result == 0 || error.kind == ERROR_TEMPORARY);
			assert_false(world_has(".", ".restante-new"));
			assert_false(world_has("", ".lock"));
			if (!settle(5, WELL, false)) {
				assert_int_equal(result, -1);
				assert_int_equal(world_remove(5, &error), 0);
			}
			assert_content(5, WELL, false);
		} while (calls >= fail_at);
		assert_true(fail_at > 2);
	}
}

/* A crash while the new file is written leaves one that the next removal throws away. */
static void
test_a_left_new_file(void **state)
{
	struct error error;
	FILE *file;

	(void)state;
	put(0, WELL);
	file = fopen(world_path(".", ".restante-new"), "w");
	assert_non_null(file);
	fputs("rest", file);
	fclose(file);
	assert_int_equal(world_remove(1, &error), 0);
	assert_content(1, WELL, false);
	assert_false(world_has(".", ".restante-new"));
}

/* Who copies the lines of a journal into a mailbox removes nothing with them. */
static void
test_a_forged_journal(void **state)
{
	char *journal, *copy = malloc(FILE_SIZE_MAX);
	size_t size = 0;
	struct store *store;

	put(0, WELL);
	forbid_rename();
	crash(1, 10);
	journal = world_get(&size);
	memcpy(copy, journal, size);
	setup(state);
	/* The file of another inode. */
	world_put("");
	assert_int_equal(rename(world_mbox, world_path("", ".other")), 0);
	world_put_octets(copy, size);
	store = world_open();
	assert_true(store->count > MESSAGE_COUNT);
	store_close(store);
	free(journal);
	journal = world_get(&size);
	assert_memory_equal(journal, copy, size);
	free(journal);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_set_by_rename, setup),
		cmocka_unit_test_setup(test_every_set_in_place, setup),
		cmocka_unit_test_setup(test_the_owner_is_kept, setup),
		cmocka_unit_test_setup(test_kill_at_each_call, setup),
		cmocka_unit_test_setup(test_kill_while_settling, setup),
		cmocka_unit_test_setup(test_power_failures, setup),
		cmocka_unit_test_setup(test_each_call_fails_once, setup),
		cmocka_unit_test_setup(test_a_left_new_file, setup),
		cmocka_unit_test_setup(test_a_forged_journal, setup),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	world_end();
	return result;
}
