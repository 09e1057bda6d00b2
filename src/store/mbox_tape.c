/* See mbox_tape.h. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/mbox_tape.h"

#include <cmocka.h>

struct tape tape;

ssize_t __real_pwrite64(int file, const void *data, size_t size, off64_t offset);
int __real_ftruncate64(int file, off64_t size);
int __real_fallocate64(int file, int mode, off64_t offset, off64_t size);
int __real_rename(const char *from, const char *to);
ssize_t __wrap_pwrite64(int file, const void *data, size_t size, off64_t offset);
int __wrap_ftruncate64(int file, off64_t size);
int __wrap_fallocate64(int file, int mode, off64_t offset, off64_t size);
int __wrap_fsync(int file);
int __wrap_rename(const char *from, const char *to);

static void
image_apply(const struct call *call)
{
	if (call->writes) {
		/* Beyond the end of the file on disk nothing can be seen. */
		for (size_t i = 0; i < call->size; i++)
			if (call->offset + i < *tape.synced_size)
				tape.synced[call->offset + i] = call->data[i];
		return;
	}
	if (call->size > *tape.synced_size)
		memset(tape.synced + *tape.synced_size, 0, call->size - *tape.synced_size);
	*tape.synced_size = call->size;
}

static unsigned
random_next(void)
{
	tape.chance = tape.chance * 1103515245 + 12345;
	return tape.chance >> 16;
}

/* The machine loses power: some of what was not synced is there, some is not, or half of it. */
static void
die(void)
{
	for (size_t i = 0; i < tape.pending_count && tape.record; i++) {
		struct call *call = &tape.pending[i];

		if (!call->writes && call->size > *tape.synced_size && random_next() % 2 == 0)
			call->size = *tape.synced_size + random_next() % (call->size - *tape.synced_size);
		if (random_next() % 2 == 0)
			image_apply(call);
	}
	kill(getpid(), SIGKILL);
}

static bool
call_counted(void)
{
	tape.calls++;
	if (tape.die_at != 0 && tape.calls == tape.die_at)
		die();
	if (tape.calls == tape.fail_at)
		errno = ENOSPC;
	return tape.calls != tape.fail_at;
}

static void
call_record(bool writes, uint64_t offset, uint64_t size, const void *data)
{
	struct call *call = &tape.pending[tape.pending_count];

	if (!tape.record)
		return;
	assert_true(tape.pending_count < CALLS_MAX);
	*call = (struct call){ .writes = writes, .offset = offset, .size = size };
	if (writes) {
		call->data = malloc(size);
		memcpy(call->data, data, size);
	}
	tape.pending_count++;
}

/* A write beyond the end is a growth too. */
ssize_t
__wrap_pwrite64(int file, const void *data, size_t size, off64_t offset)
{
	struct stat status;

	if (!call_counted())
		return -1;
	if (fstat(file, &status) == 0 && offset + (off64_t)size > status.st_size)
		call_record(false, 0, (uint64_t)offset + size, NULL);
	call_record(true, (uint64_t)offset, size, data);
	return __real_pwrite64(file, data, size, offset);
}

int
__wrap_ftruncate64(int file, off64_t size)
{
	if (!call_counted())
		return -1;
	call_record(false, 0, (uint64_t)size, NULL);
	return __real_ftruncate64(file, size);
}

int
__wrap_fallocate64(int file, int mode, off64_t offset, off64_t size)
{
	if (!call_counted())
		return -1;
	call_record(false, 0, (uint64_t)(offset + size), NULL);
	return __real_fallocate64(file, mode, offset, size);
}

int
__wrap_fsync(int file)
{
	if (!call_counted())
		return -1;
	for (size_t i = 0; i < tape.pending_count && tape.record; i++)
		image_apply(&tape.pending[i]);
	tape.pending_count = 0;
	/* The kernel's disk is not what is tested here. */
	(void)file;
	return 0;
}

int
__wrap_rename(const char *from, const char *to)
{
	return call_counted() ? __real_rename(from, to) : -1;
}
