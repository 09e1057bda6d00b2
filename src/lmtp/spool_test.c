/*
 * Spooling when the kernel fails: the n-th of its calls, for each n. It is said what is wrong, nothing is left
 * behind, and the next message is kept as if nothing had been.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lmtp/spool.h"

static char directory[] = "/tmp/restante-spool-XXXXXX";
static unsigned calls_left;	/* until one fails; 0: none does */
static int failure;
static bool short_writes, failed_once;

static bool
fails(void)
{
	if (calls_left == 0 || --calls_left > 0)
		return false;
	failed_once = true;
	errno = failure;
	return true;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
ssize_t __real_write(int file, const void *octets, size_t size);
ssize_t __wrap_write(int file, const void *octets, size_t size);
int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __real_fcntl64(int file, int command, ...);
int __wrap_fcntl64(int file, int command, ...);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

int
__wrap_open64(const char *path, int flags, ...)
{
	return fails() ? -1 : __real_open64(path, flags, 0600);
}

int
__wrap_unlink(const char *path)
{
	return fails() ? -1 : __real_unlink(path);
}

ssize_t
__wrap_write(int file, const void *octets, size_t size)
{
	return fails() ? -1 : __real_write(file, octets, short_writes && size > 1000 ? 1000 : size);
}

int
__wrap_memfd_create(const char *name, unsigned flags)
{
	return fails() ? -1 : __real_memfd_create(name, flags);
}

int
__wrap_fcntl64(int file, int command, ...)
{
	va_list arguments;
	int argument;

	va_start(arguments, command);
	argument = va_arg(arguments, int);
	va_end(arguments);
	return fails() ? -1 : __real_fcntl64(file, command, argument);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

static size_t
entries(const char *path)
{
	DIR *all = opendir(path);
	size_t count = 0;

	assert_non_null(all);
	while (readdir(all) != NULL)
		count++;
	closedir(all);
	return count;
}

/* In pieces, as a client's octets come. */
static int
keep(struct spool *spool, size_t size, size_t piece, struct error *error)
{
	static char octets[200000];
	size_t done = 0;

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (char)(i * 7 + i / 251);
	spool_begin(spool, directory, 0xabc);
	while (done < size) {
		size_t part = size - done < piece ? size - done : piece;

		if (spool_put(spool, octets + done, part, error) != 0)
			return -1;
		done += part;
	}
	return spool_seal(spool, 0, error);
}

static void
expect_kept(const struct spool *spool, size_t size)
{
	static char found[200001];
	struct stat status;

	assert_true(spool->whole);
	assert_int_equal(fstat(spool->sealed, &status), 0);
	assert_int_equal(status.st_size, size);
	assert_int_equal(pread(spool->sealed, found, sizeof(found), 0), size);
	for (size_t i = 0; i < size; i++)
		assert_true(found[i] == (char)(i * 7 + i / 251));
	assert_int_equal(pwrite(spool->sealed, "x", 1, 0), -1);
}

/* Returns false when there was no such call. */
static bool
try_failure(size_t size, size_t piece, unsigned number, int problem, enum error_kind kind)
{
	size_t descriptors = entries("/proc/self/fd");
	struct spool spool;
	struct error error;
	int result;

	failed_once = false;
	failure = problem;
	calls_left = number;
	result = keep(&spool, size, piece, &error);
	calls_left = 0;
	if (!failed_once) {
		assert_int_equal(result, 0);
		expect_kept(&spool, size);
	} else {
		assert_int_equal(result, -1);
		assert_false(spool.whole);
		assert_true(error.text[0] != '\0');
		/* Of memory there is never no room on a disk. */
		assert_true(error.kind == kind || strstr(error.text, "no memory") != NULL);
	}
	spool_end(&spool);
	spool_end(&spool);
	assert_int_equal(entries("/proc/self/fd"), descriptors);
	/* What unlink() could not remove. */
	spool_clear(directory);
	assert_int_equal(entries(directory), 2);
	assert_int_equal(keep(&spool, size, piece, &error), 0);
	expect_kept(&spool, size);
	spool_end(&spool);
	assert_int_equal(entries("/proc/self/fd"), descriptors);
	assert_int_equal(entries(directory), 2);
	return failed_once;
}

static void
test_each_call_fails(void **state)
{
	static const struct {
		size_t size, piece;
		unsigned calls_min;	/* so many are certainly made */
	} messages[] = { { 0, 1, 2 }, { 10, 3, 4 }, { 5000, 5000, 4 }, { 65536, 4096, 4 }, { 65537, 4096, 6 },
		{ 200000, 30000, 7 }, { 200000, 200000, 4 } };
	static const struct {
		int problem;
		enum error_kind kind;
	} problems[] = { { ENOSPC, ERROR_FULL }, { EDQUOT, ERROR_FULL }, { EFBIG, ERROR_FULL },
		{ EIO, ERROR_TEMPORARY }, { EMFILE, ERROR_TEMPORARY } };

	(void)state;
	for (size_t m = 0; m < sizeof(messages) / sizeof(messages[0]); m++)
		for (size_t p = 0; p < sizeof(problems) / sizeof(problems[0]); p++) {
			unsigned number = 1;

			while (try_failure(messages[m].size, messages[m].piece, number, problems[p].problem,
			    problems[p].kind))
				number++;
			assert_true(number > messages[m].calls_min);
		}
}

/* A disk that takes a part of what it is given, and interruptions. */
static void
test_short_writes(void **state)
{
	struct spool spool;
	struct error error;

	(void)state;
	short_writes = true;
	for (size_t size = 60000; size <= 200000; size += 70000) {
		assert_int_equal(keep(&spool, size, 70000, &error), 0);
		expect_kept(&spool, size);
		spool_end(&spool);
	}
	short_writes = false;
}

/* What may be copied stays in memory, unless a file was made ready for it. */
static void
test_copied(void **state)
{
	static const struct {
		size_t size, copied_max;
		bool prepared, copied;
	} cases[] = { { 0, 10, false, true }, { 10, 10, false, true }, { 11, 10, false, false }, { 0, 0, false, false },
		{ 10, 10, true, false }, { 70000, 80000, false, false } };
	static char octets[70000];
	struct spool spool;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t descriptors = entries("/proc/self/fd");

		memset(octets, 'a' + (int)i, sizeof(octets));
		spool_begin(&spool, directory, 0xabc);
		if (cases[i].prepared)
			spool_prepare(&spool);
		assert_int_equal(spool_put(&spool, octets, cases[i].size, &error), 0);
		assert_int_equal(spool_seal(&spool, cases[i].copied_max, &error), 0);
		assert_true(spool.whole);
		assert_int_equal(spool.sealed < 0, cases[i].copied);
		assert_int_equal(spool.used, cases[i].copied ? cases[i].size : 0);
		if (spool.used > 0)
			assert_memory_equal(spool.memory, octets, spool.used);
		spool_end(&spool);
		assert_int_equal(entries("/proc/self/fd"), descriptors);
	}
}

/* There is one of that name already. */
static void
test_a_name_that_is_taken(void **state)
{
	char path[64];
	struct spool spool;
	struct error error;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/0000000000000abc", directory);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(keep(&spool, 100000, 100000, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	spool_end(&spool);
	snprintf(path, sizeof(path), "%s/mine", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	spool_clear(directory);
	assert_int_equal(entries(directory), 3);
	assert_int_equal(keep(&spool, 100000, 100000, &error), 0);
	spool_end(&spool);
	assert_int_equal(__real_unlink(path), 0);
	spool_clear("/nowhere");
}

static int
begin(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_short_writes),
		cmocka_unit_test(test_copied),
		cmocka_unit_test(test_a_name_that_is_taken),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
