/* Work in a child process that is the maildrop's owner: see migration.h. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/octets.h"
#include "ctl/migration.h"

#define KILL_MILLISECONDS 5000

/* May this be done, and by whom? Nothing is ever done in a maildrop as root. */
static int
owner_check(const struct config *config, const struct target *target, struct error *error)
{
	if (geteuid() != 0)
		return target->uid == geteuid() ? 0
		                                : error_set(error, ERROR_DENIED,
		                                      "it belongs to uid %u: only root can work on it",
		                                      (unsigned)target->uid);
	if (target->uid == 0)
		return error_set(error, ERROR_DENIED, "it belongs to root, who can have no maildrop");
	if (target->uid < config->first_uid || target->uid > config->last_uid)
		return error_set(error, ERROR_DENIED,
		    "it belongs to uid %u, which is outside first_uid and last_uid", (unsigned)target->uid);
	return 0;
}

static int
become(const struct target *target)
{
	/* Of what belongs to the group root nothing is needed. */
	gid_t gid = target->gid != 0 ? target->gid : (gid_t)target->uid;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(target->uid, target->uid, target->uid) != 0)
		return -1;
	return geteuid() == target->uid && getuid() == target->uid ? 0 : -1;
}

/* 1: there is something to read, or the end. 0: the deadline has come. */
static int
wait_readable(int descriptor, uint64_t deadline)
{
	struct pollfd polled = { .fd = descriptor, .events = POLLIN };
	int result;

	do {
		uint64_t now = clock_milliseconds();

		result = now < deadline ? poll(&polled, 1, (int)(deadline - now)) : 0;
	} while (result < 0 && errno == EINTR);
	return result;
}

/* How much came until its end, or the deadline. */
static size_t
read_until(int descriptor, void *data, size_t size, uint64_t deadline)
{
	size_t done = 0;
	ssize_t n = 1;

	while (n != 0 && done < size && wait_readable(descriptor, deadline) > 0) {
		n = read(descriptor, (char *)data + done, size - done);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	return done;
}

/* 1: it ended. 0: the deadline has come. */
static int
child_end(pid_t child, int *status, uint64_t deadline)
{
	for (;;) {
		pid_t ended = waitpid(child, status, WNOHANG);

		if (ended == child)
			return 1;
		if (ended < 0 && errno != EINTR)
			return -1;
		if (clock_milliseconds() >= deadline)
			return 0;
		usleep(1000);
	}
}

/* Where it hangs in a file system of its owner's, it may not even end when it is killed. */
static int
child_kill(pid_t child, unsigned patience_seconds, struct error *error)
{
	int status;

	kill(child, SIGKILL);
	if (child_end(child, &status, clock_milliseconds() + KILL_MILLISECONDS) > 0)
		error_set(error, ERROR_TEMPORARY, "its process was killed after %u seconds",
		    patience_seconds);
	else
		error_set(error, ERROR_TEMPORARY, "its process %d hangs, and cannot be killed", (int)child);
	return 1;
}

/* Nothing of root's goes along but standard input, output and error, and the end of the pipe. */
static void
child_run(const struct target *target, const struct target_job *job, int end)
{
	if ((end > 3 && close_range(3, (unsigned)end - 1, 0) != 0) ||
	    close_range((unsigned)end + 1, ~0u, 0) != 0 || become(target) != 0)
		_exit(2);
	job->work(target, job->question, job->answer);
	fflush(stdout);
	_exit(octets_write(end, job->answer, job->answer_size) == 0 ? 0 : 1);
}

static int
child_wait(pid_t child, int end, const struct target *target, const struct target_job *job,
    struct error *error)
{
	uint64_t deadline = clock_milliseconds() + job->patience_seconds * UINT64_C(1000);
	size_t size = read_until(end, job->answer, job->answer_size, deadline);
	int status;

	/* It ends at once, unless it is stopped just here. */
	wait_readable(end, deadline);
	switch (child_end(child, &status, deadline)) {
	case 0:
		return child_kill(child, job->patience_seconds, error);
	case 1:
		break;
	default:
		error_errno(error, ERROR_TEMPORARY, "waitpid");
		return 1;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return error_set(error, ERROR_DENIED, "cannot become uid %u", (unsigned)target->uid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && size == job->answer_size)
		return 0;
	error_set(error, ERROR_TEMPORARY, "its process ended before its time");
	return 1;
}

int
target_work(const struct config *config, const struct target *target, const struct target_job *job,
    struct error *error)
{
	int ends[2], result;
	pid_t child;

	if (owner_check(config, target, error) != 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(error, ERROR_TEMPORARY, "pipe");
	fflush(NULL);
	child = fork();
	if (child == 0)
		child_run(target, job, ends[1]);
	close(ends[1]);
	result = child > 0 ? child_wait(child, ends[0], target, job, error)
	                   : error_errno(error, ERROR_TEMPORARY, "fork");
	close(ends[0]);
	return result;
}
