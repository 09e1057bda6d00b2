/* See calls.h: the calls that look at files, and those for memory. */

#include "replay/calls_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

static atomic_long block_count;
static bool types_hidden;
static const struct calls_likeness *likenesses;
static size_t likeness_count;

long
calls_blocks(void)
{
	return block_count;
}

void
calls_blocks_forget(void)
{
	block_count = 0;
}

void
calls_hide_types(bool hidden)
{
	types_hidden = hidden;
}

void
calls_show(const struct calls_likeness *wanted, size_t count)
{
	likenesses = wanted;
	likeness_count = wanted != NULL ? count : 0;
}

CALL(int, fstatat64, int directory, const char *path, struct stat *status, int flags);
ALSO(int, fstatat64, fstatat, int directory, const char *path, struct stat *status, int flags);
CALL(int, fstat64, int file, struct stat *status);
ALSO(int, fstat64, fstat, int file, struct stat *status);
CALL(int, stat64, const char *path, struct stat *status);
ALSO(int, stat64, stat, const char *path, struct stat *status);
CALL(int, lstat64, const char *path, struct stat *status);
ALSO(int, lstat64, lstat, const char *path, struct stat *status);
CALL(ssize_t, getdents64, int file, void *entries, size_t size);
CALL(int, flock, int file, int operation);
CALL(int, fcntl64, int file, int command, ...);
ALSO(int, fcntl64, fcntl, int file, int command, ...);
CALL(void *, mmap64, void *address, size_t size, int protection, int flags, int file, off_t offset);
ALSO(void *, mmap64, mmap, void *address, size_t size, int protection, int flags, int file,
    off_t offset);
CALL(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
    void *(*run)(void *), void *context);

static bool
times_equal(const struct timespec *x, const struct timespec *y)
{
	return x->tv_sec == y->tv_sec && x->tv_nsec == y->tv_nsec;
}

static int
status_shown(int result, struct stat *status)
{
	for (size_t i = 0; result == 0 && i < likeness_count; i++) {
		bool is_unchanged = times_equal(&likenesses[i].modified, &status->st_mtim) &&
		    times_equal(&likenesses[i].changed, &status->st_ctim);

		if (likenesses[i].inode != status->st_ino || !(is_unchanged || S_ISDIR(status->st_mode)))
			continue;
		status->st_ino = likenesses[i].shown_inode;
		if (is_unchanged) {
			status->st_mtim = likenesses[i].shown_modified;
			status->st_ctim = likenesses[i].shown_changed;
		}
		break;
	}
	return result;
}

int
__wrap_fstatat64(int directory, const char *path, struct stat *status, int flags)
{
	return calls_fails("fstatat") ? -1
	                        : status_shown(__real_fstatat64(directory, path, status, flags), status);
}

int
__wrap_fstat64(int file, struct stat *status)
{
	return calls_fails("fstat") ? -1 : status_shown(__real_fstat64(file, status), status);
}

int
__wrap_stat64(const char *path, struct stat *status)
{
	return calls_fails("stat") ? -1 : status_shown(__real_stat64(path, status), status);
}

int
__wrap_lstat64(const char *path, struct stat *status)
{
	return calls_fails("lstat") ? -1 : status_shown(__real_lstat64(path, status), status);
}

static void
entry_show(struct dirent64 *entry)
{
	if (types_hidden)
		entry->d_type = DT_UNKNOWN;
	for (size_t i = 0; i < likeness_count; i++)
		if (likenesses[i].inode == entry->d_ino) {
			entry->d_ino = likenesses[i].shown_inode;
			return;
		}
}

ssize_t
__wrap_getdents64(int file, void *entries, size_t size)
{
	ssize_t n = calls_fails("getdents") ? -1 : __real_getdents64(file, entries, size);

	for (ssize_t at = 0; at < n;) {
		struct dirent64 *entry = (struct dirent64 *)((char *)entries + at);

		at += entry->d_reclen;
		entry_show(entry);
	}
	return n;
}

int
__wrap_flock(int file, int operation)
{
	return calls_fails("flock") ? -1 : __real_flock(file, operation);
}

/* A third argument is there or is not looked at. */
int
__wrap_fcntl64(int file, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return calls_fails("fcntl") ? -1 : __real_fcntl64(file, command, argument);
}

void *
__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
	return calls_fails("mmap") ? MAP_FAILED
	                     : __real_mmap64(address, size, protection, flags, file, offset);
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
    void *context)
{
	return calls_fails("pthread_create") ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

/* Memory */

CALL(void *, malloc, size_t size);
CALL(void *, calloc, size_t count, size_t size);
CALL(void *, realloc, void *block, size_t size);
CALL(void *, reallocarray, void *block, size_t count, size_t size);
CALL(void, free, void *block);

CALL(char *, strdup, const char *text);

static bool
allocation_fails(const char *name)
{
	return calls_is_turn(name) && calls_fault.error == ENOMEM;
}

static void *
block_counted(void *block, const void *before)
{
	if (calls_watching && !calls_inside && block != NULL && before == NULL)
		block_count++;
	return block;
}

void *
__wrap_malloc(size_t size)
{
	return allocation_fails("malloc") ? NULL : block_counted(__real_malloc(size), NULL);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return allocation_fails("calloc") ? NULL : block_counted(__real_calloc(count, size), NULL);
}

char *
__wrap_strdup(const char *text)
{
	return allocation_fails("strdup") ? NULL : block_counted(__real_strdup(text), NULL);
}

void *
__wrap_realloc(void *block, size_t size)
{
	bool had_none = block == NULL;

	if (allocation_fails("realloc"))
		return NULL;
	return block_counted(__real_realloc(block, size), had_none ? NULL : "");
}

void *
__wrap_reallocarray(void *block, size_t count, size_t size)
{
	bool had_none = block == NULL;

	if (allocation_fails("reallocarray"))
		return NULL;
	return block_counted(__real_reallocarray(block, count, size), had_none ? NULL : "");
}

void
__wrap_free(void *block)
{
	if (calls_watching && !calls_inside && block != NULL)
		block_count--;
	__real_free(block);
}
