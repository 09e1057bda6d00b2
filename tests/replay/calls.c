/* See calls.h: the calls that change files. */

#include "replay/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "replay/calls_inside.h"
#include "replay/record.h"

struct calls_fault calls_fault;
static atomic_uint call_count;
atomic_bool calls_watching;
static _Atomic(const char *) failed_name;
static int ignored = -1;
static struct recording *recording;
static unsigned swallowed, sync_count;
static bool directory_closed;
static jmp_buf *kill_target;
/* The recorder's own calls are not looked at. */
_Thread_local bool calls_inside;

void
calls_watch(const struct calls_fault *wanted)
{
	calls_fault = *wanted;
	call_count = 0;
	failed_name = NULL;
	calls_blocks_forget();
	calls_watching = true;
}

void
calls_watch_pause(bool paused)
{
	calls_watching = !paused;
}

unsigned
calls_unwatch(void)
{
	calls_watching = false;
	return call_count;
}

const char *
calls_failed(void)
{
	return failed_name;
}

void
calls_killed(jmp_buf *target)
{
	kill_target = target;
}

void
calls_ignore(int descriptor)
{
	ignored = descriptor;
}

void
calls_record(struct recording *wanted)
{
	recording = wanted;
}

void
calls_swallow_syncs(unsigned which)
{
	swallowed = which;
	sync_count = 0;
}

void
calls_close_directory(bool closed)
{
	directory_closed = closed;
}

bool
calls_is_turn(const char *name)
{
	const char *failed = failed_name;
	unsigned number;

	if (!calls_watching || calls_inside)
		return false;
	if (calls_fault.name != NULL && strcmp(calls_fault.name, name) != 0)
		return false;
	number = atomic_fetch_add(&call_count, 1) + 1;
	if (calls_fault.number == 0 || number < calls_fault.number)
		return false;
	if (number > calls_fault.number && (!calls_fault.lasting || failed == NULL || strcmp(failed, name) != 0))
		return false;
	failed_name = name;
	if (calls_fault.error == CALLS_KILL) {
		calls_watching = false;
		longjmp(*kill_target, 1);
	}
	if (calls_fault.happens != NULL) {
		calls_watching = false;
		calls_fault.happens();
		calls_watching = true;
		return false;
	}
	errno = calls_fault.error;
	return true;
}

bool
calls_fails(const char *name)
{
	return calls_is_turn(name) && calls_fault.error != CALLS_SHORT;
}

static bool
fails_on(int descriptor, const char *name)
{
	return (descriptor != ignored || ignored < 0) && calls_fails(name);
}

/* A transfer may fail, or be short. */
static bool
transfer_fails(int descriptor, const char *name, size_t *size)
{
	if ((descriptor == ignored && ignored >= 0) || !calls_is_turn(name))
		return false;
	if (calls_fault.error != CALLS_SHORT)
		return true;
	*size = (*size + 1) / 2;
	return false;
}

/* errno of the call before it is kept. */
#define RECORD(condition, what)                                                                  \
	do {                                                                                     \
		if (recording != NULL && !calls_inside && (condition)) {                               \
			int kept_errno = errno;                                                  \
			calls_inside = true;                                                           \
			what;                                                                    \
			calls_inside = false;                                                          \
			errno = kept_errno;                                                      \
		}                                                                                \
	} while (0)

/* Opening */

CALL(int, openat64, int directory, const char *path, int flags, ...);
ALSO(int, openat64, openat, int directory, const char *path, int flags, ...);
CALL(int, open64, const char *path, int flags, ...);
ALSO(int, open64, open, const char *path, int flags, ...);
CALL(int, __openat64_2, int directory, const char *path, int flags);
CALL(int, __open64_2, const char *path, int flags);
CALL(int, close, int file);

static int
open_any(int directory, const char *path, int flags, mode_t mode)
{
	bool existed = true;
	int file;

	if (calls_fails("open"))
		return -1;
	if (directory_closed && flags & O_CREAT) {
		errno = EACCES;
		return -1;
	}
	RECORD(flags & O_CREAT, existed = record_exists(directory, path));
	file = __real_openat64(directory, path, flags, mode);
	RECORD(file >= 0 && !existed, record_created(recording, directory, path));
	RECORD(file >= 0 && existed && flags & O_TRUNC, record_truncated(recording, file, 0));
	return file;
}

static mode_t
mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

int
__wrap_openat64(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_any(directory, path, flags, mode);
}

int
__wrap_open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_any(AT_FDCWD, path, flags, mode);
}

int
__wrap___openat64_2(int directory, const char *path, int flags)
{
	return open_any(directory, path, flags, 0);
}

int
__wrap___open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

/* Linux frees the descriptor also when close() fails. */
int
__wrap_close(int file)
{
	bool failing = fails_on(file, "close");
	int result = __real_close(file);

	if (!failing)
		return result;
	errno = calls_fault.error;
	return -1;
}

/* Reading and writing */

CALL(ssize_t, read, int file, void *buffer, size_t size);
CALL(ssize_t, pread64, int file, void *buffer, size_t size, off_t offset);
ALSO(ssize_t, pread64, pread, int file, void *buffer, size_t size, off_t offset);
CALL(ssize_t, write, int file, const void *data, size_t size);
CALL(ssize_t, pwrite64, int file, const void *data, size_t size, off_t offset);
ALSO(ssize_t, pwrite64, pwrite, int file, const void *data, size_t size, off_t offset);
CALL(int, ftruncate64, int file, off_t size);
ALSO(int, ftruncate64, ftruncate, int file, off_t size);
CALL(int, fallocate64, int file, int mode, off_t offset, off_t size);
ALSO(int, fallocate64, fallocate, int file, int mode, off_t offset, off_t size);
CALL(int, fsync, int file);
CALL(int, fdatasync, int file);

ssize_t
__wrap_read(int file, void *buffer, size_t size)
{
	return transfer_fails(file, "read", &size) ? -1 : __real_read(file, buffer, size);
}

ssize_t
__wrap_pread64(int file, void *buffer, size_t size, off_t offset)
{
	return transfer_fails(file, "pread", &size) ? -1 : __real_pread64(file, buffer, size, offset);
}

ssize_t
__wrap_write(int file, const void *data, size_t size)
{
	off_t offset = 0;
	ssize_t n;

	if (transfer_fails(file, "write", &size))
		return -1;
	RECORD(true, offset = record_offset(file));
	n = __real_write(file, data, size);
	RECORD(n > 0, record_wrote(recording, file, data, (size_t)n, offset));
	return n;
}

ssize_t
__wrap_pwrite64(int file, const void *data, size_t size, off_t offset)
{
	ssize_t n;

	if (transfer_fails(file, "pwrite", &size))
		return -1;
	n = __real_pwrite64(file, data, size, offset);
	RECORD(n > 0, record_wrote(recording, file, data, (size_t)n, offset));
	return n;
}

int
__wrap_ftruncate64(int file, off_t size)
{
	int result = calls_fails("ftruncate") ? -1 : __real_ftruncate64(file, size);

	RECORD(result == 0, record_truncated(recording, file, size));
	return result;
}

/* Known is what makes a file longer. */
int
__wrap_fallocate64(int file, int mode, off_t offset, off_t size)
{
	int result = calls_fails("fallocate") ? -1 : __real_fallocate64(file, mode, offset, size);

	RECORD(result == 0 && mode == 0, record_truncated(recording, file, offset + size));
	return result;
}

/* What is recorded is replayed with every loss: the real disk need not be waited for. */
static int
sync_any(int file, const char *name)
{
	bool is_recorded = true;

	if (calls_fails(name))
		return -1;
	RECORD(true, is_recorded = record_holds(recording, file));
	if (is_recorded && sync_count < 32 && swallowed >> sync_count++ & 1)
		return 0;
	RECORD(true, record_synced(recording, file));
	return 0;
}

int
__wrap_fsync(int file)
{
	return sync_any(file, "fsync");
}

int
__wrap_fdatasync(int file)
{
	return sync_any(file, "fdatasync");
}

/* Names */

CALL(int, renameat, int from_directory, const char *from, int to_directory, const char *to);
CALL(int, renameat2, int from_directory, const char *from, int to_directory, const char *to, unsigned flags);
CALL(int, rename, const char *from, const char *to);
CALL(int, linkat, int from_directory, const char *from, int to_directory, const char *to, int flags);
CALL(int, link, const char *from, const char *to);
CALL(int, unlinkat, int directory, const char *path, int flags);
CALL(int, unlink, const char *path);
CALL(int, mkdirat, int directory, const char *path, mode_t mode);
CALL(int, mkdir, const char *path, mode_t mode);

int
__wrap_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	int result = calls_fails("rename") ? -1 : __real_renameat(from_directory, from, to_directory, to);

	RECORD(result == 0, record_renamed(recording, from_directory, from, to_directory, to));
	return result;
}

int
__wrap_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
	int result = calls_fails("rename")
	    ? -1
	    : __real_renameat2(from_directory, from, to_directory, to, flags);

	RECORD(result == 0, record_renamed(recording, from_directory, from, to_directory, to));
	return result;
}

int
__wrap_rename(const char *from, const char *to)
{
	return __wrap_renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int
__wrap_linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
	int result = calls_fails("link") ? -1 : __real_linkat(from_directory, from, to_directory, to, flags);

	RECORD(result == 0, record_linked(recording, to_directory, to));
	return result;
}

int
__wrap_link(const char *from, const char *to)
{
	return __wrap_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
__wrap_unlinkat(int directory, const char *path, int flags)
{
	int result = calls_fails("unlink") ? -1 : __real_unlinkat(directory, path, flags);

	RECORD(result == 0, record_unlinked(recording, directory, path));
	return result;
}

int
__wrap_unlink(const char *path)
{
	return __wrap_unlinkat(AT_FDCWD, path, 0);
}

int
__wrap_mkdirat(int directory, const char *path, mode_t mode)
{
	int result = calls_fails("mkdir") ? -1 : __real_mkdirat(directory, path, mode);

	RECORD(result == 0, record_made_directory(recording, directory, path));
	return result;
}

int
__wrap_mkdir(const char *path, mode_t mode)
{
	return __wrap_mkdirat(AT_FDCWD, path, mode);
}
