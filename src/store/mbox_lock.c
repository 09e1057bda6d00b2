/* See mbox_lock.h. */

#include "store/mbox_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

/* Locks are held for moments: the first look comes soon, later ones as often as is polite. */
#define PAUSE_NANOSECONDS     500000
#define PAUSE_NANOSECONDS_MAX 20000000
#define STALE_SECONDS     300
#define OURS              "restante"
/* A file gets its mode and its name at once: by the sticky bit, which no one else sets, an empty one is known. */
#define MODE              (S_ISVTX | 0644)

unsigned mbox_lock_wait_milliseconds = 10000;

enum outcome { TAKEN, HELD, FAILED };

static void
kernel_unlock(int file)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(file, F_OFD_SETLK, &lock);
}

static enum outcome
kernel_lock(int file, enum mbox_lock_kind kind, struct error *error)
{
	struct flock lock = { .l_type = kind == MBOX_LOCK_READ ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET };

	if (fcntl(file, F_OFD_SETLK, &lock) == 0)
		return TAKEN;
	if (errno == EAGAIN || errno == EACCES || errno == EINTR)
		return HELD;
	error_errno(error, errno == EBADF ? ERROR_PERMANENT : ERROR_TEMPORARY, "cannot lock the mbox");
	return FAILED;
}

static bool
dot_path(char path[PLACE_SIZE + 8], const char *mbox)
{
	int length = snprintf(path, PLACE_SIZE + 8, "%s.lock", mbox);

	return length > 0 && length < PLACE_SIZE + 8;
}

bool
mbox_lock_is_too_old(time_t modified, time_t now, time_t booted)
{
	return modified + STALE_SECONDS < now || modified + 1 < booted;
}

static time_t
boot_time(void)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return now.tv_sec - up.tv_sec;
}

/* Was it made by us? One that was killed before it could write leaves an empty one. */
static bool
is_ours(int file, const struct stat *status)
{
	char content[64] = "";
	ssize_t size = read(file, content, sizeof(content) - 1);

	return size == 0 ? (status->st_mode & S_ISVTX) != 0 : size > 0 && strstr(content, OURS) != NULL;
}

/* The fcntl lock is held: nobody of us can hold the dot lock, whatever its content says. */
static bool
is_stale(const char *path)
{
	int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	bool stale;

	if (file < 0)
		return false;
	stale = fstat(file, &status) == 0 &&
	    (is_ours(file, &status) || mbox_lock_is_too_old(status.st_mtime, time(NULL), boot_time()));
	close(file);
	return stale;
}

static int
dot_create(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	char content[64];
	int length, problem;

	if (file < 0)
		return -1;
	/* liblockfile looks for the process whose number stands first. */
	length = snprintf(content, sizeof(content), "%d\n%s\n", (int)getpid(), OURS);
	problem = write(file, content, (size_t)length) == length ? 0 : errno;
	close(file);
	/* An empty one locks as well; only a full disk has none to spare. */
	if (problem != 0 && problem != ENOSPC && problem != EDQUOT) {
		unlink(path);
		errno = problem;
		return -1;
	}
	return 0;
}

/*
 * Creates it, in place of a stale one if there is one. -1: errno says why; EEXIST: somebody has it,
 * or had it a moment ago.
 */
static int
dot_take(const char *path)
{
	if (dot_create(path) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	if (is_stale(path) && unlink(path) == 0 && dot_create(path) == 0)
		return 0;
	/* It was given up while it was looked at. */
	if (errno == ENOENT)
		errno = EEXIST;
	return -1;
}

/* No file can be made here, by us or by whoever else runs under this uid. */
static bool
is_no_place(int problem)
{
	return problem == EACCES || problem == EPERM || problem == EROFS || problem == ENAMETOOLONG ||
	    problem == ENOSPC || problem == EDQUOT;
}

static enum outcome
dot_lock(struct mbox_lock *lock, struct error *error)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	char path[PLACE_SIZE + 8];

	if (!dot_path(path, lock->path))
		return TAKEN;
	if (dot_take(path) == 0) {
		lock->dotted = true;
		return TAKEN;
	}
	if (errno == EEXIST || errno == EINTR)
		return HELD;
	if (is_no_place(errno)) {
		error_errno(error, ERROR_PERMANENT, "cannot create %.150s", path);
		if (!atomic_flag_test_and_set(&told))
			LOG(LOG_LEVEL_WARNING, "no-dot-lock", LOG_REASON(error),
			    LOG_TEXT("effect", "mboxes are locked with fcntl alone"));
		return TAKEN;
	}
	error_errno(error, ERROR_TEMPORARY, "cannot create %.150s", path);
	return FAILED;
}

/* One attempt at both. */
static enum outcome
both_lock(struct mbox_lock *lock, enum mbox_lock_kind kind, struct error *error)
{
	enum outcome outcome = kernel_lock(lock->file, kind, error);

	if (outcome != TAKEN)
		return outcome;
	outcome = dot_lock(lock, error);
	if (outcome != TAKEN)
		kernel_unlock(lock->file);
	return outcome;
}

int
mbox_lock_take(struct mbox_lock *lock, int file, const char *path, enum mbox_lock_kind kind,
    struct error *error)
{
	uint64_t deadline = clock_milliseconds() + mbox_lock_wait_milliseconds;
	struct timespec pause = { .tv_nsec = PAUSE_NANOSECONDS };
	enum outcome outcome;

	*lock = (struct mbox_lock){ .file = file, .path = path };
	while ((outcome = both_lock(lock, kind, error)) == HELD) {
		if (clock_milliseconds() >= deadline)
			return error_set(error, ERROR_TEMPORARY, "another program holds the locks of the mbox");
		nanosleep(&pause, NULL);
		if (pause.tv_nsec * 2 <= PAUSE_NANOSECONDS_MAX)
			pause.tv_nsec *= 2;
	}
	return outcome == TAKEN ? 0 : -1;
}

int
mbox_lock_try(struct mbox_lock *lock, int file, const char *path, enum mbox_lock_kind kind,
    struct error *error)
{
	enum outcome outcome;

	*lock = (struct mbox_lock){ .file = file, .path = path };
	outcome = both_lock(lock, kind, error);
	if (outcome == HELD)
		return error_set(error, ERROR_BUSY, "another program holds the locks of the mbox");
	return outcome == TAKEN ? 0 : -1;
}

void
mbox_lock_drop(struct mbox_lock *lock)
{
	char path[PLACE_SIZE + 8];

	/* In the opposite order. */
	if (lock->dotted && dot_path(path, lock->path))
		unlink(path);
	lock->dotted = false;
	kernel_unlock(lock->file);
}
