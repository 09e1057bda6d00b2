/* Work in a child process that is the maildrop's owner: see migration.h. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/migration.h"

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

static bool
write_all(int descriptor, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(descriptor, (const char *)data + done, size - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			return false;
	}
	return true;
}

static bool
read_all(int descriptor, void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(descriptor, (char *)data + done, size - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			return false;
	}
	return true;
}

static int
wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
target_work(const struct config *config, const struct target *target,
    void (*work)(const struct target *, void *question, void *answer), void *question, void *answer,
    size_t size, struct error *error)
{
	int ends[2];
	pid_t child;
	bool complete;

	if (owner_check(config, target, error) != 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(error, ERROR_TEMPORARY, "pipe");
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (become(target) != 0)
			_exit(2);
		work(target, question, answer);
		fflush(stdout);
		_exit(write_all(ends[1], answer, size) ? 0 : 1);
	}
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return error_errno(error, ERROR_TEMPORARY, "fork");
	}
	complete = read_all(ends[0], answer, size);
	close(ends[0]);
	switch (wait_for(child)) {
	case 0:
		return complete ? 0 : error_set(error, ERROR_TEMPORARY, "its process said nothing");
	case 2:
		return error_set(error, ERROR_DENIED, "cannot become uid %u", (unsigned)target->uid);
	default:
		return error_set(error, ERROR_TEMPORARY, "its process ended before its time");
	}
}
