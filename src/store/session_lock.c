/* See session_lock.h. */

#include "store/session_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* To learn takes about a millisecond; but a disk may be slow, or the directory large. */
#define PAUSE_NANOSECONDS     200000
#define PAUSE_NANOSECONDS_MAX 20000000
#define WAIT_MILLISECONDS     10000

static int
gate_open(int at, const char *gate)
{
	return openat(at, gate, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
close_quietly(int descriptor)
{
	int problem = errno;

	close(descriptor);
	errno = problem;
}

int
gate_close(int at, const char *gate)
{
	int descriptor = gate_open(at, gate);

	if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
		close_quietly(descriptor);
		return -1;
	}
	return descriptor;
}

int
gate_keep_open(int at, const char *gate)
{
	uint64_t deadline = clock_milliseconds() + WAIT_MILLISECONDS;
	struct timespec pause = { .tv_nsec = PAUSE_NANOSECONDS };
	int descriptor = gate_open(at, gate);

	while (descriptor >= 0 && flock(descriptor, LOCK_SH | LOCK_NB) != 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || clock_milliseconds() >= deadline) {
			close_quietly(descriptor);
			return -1;
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec * 2 <= PAUSE_NANOSECONDS_MAX)
			pause.tv_nsec *= 2;
	}
	return descriptor;
}

int
session_lock(int file, int at, const char *gate)
{
	int result = flock(file, LOCK_EX | LOCK_NB), passed;

	if (result == 0 || errno != EWOULDBLOCK)
		return result;
	passed = gate_keep_open(at, gate);
	if (passed < 0) {
		errno = EWOULDBLOCK;
		return -1;
	}
	result = flock(file, LOCK_EX | LOCK_NB);
	close_quietly(passed);
	return result;
}
