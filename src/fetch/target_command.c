/*
 * Collected mail to a command: sh -c TEXT, the message on its standard input with LF line ends. In its
 * environment are SENDER, RECIPIENT and RESTANTE_ACCOUNT. It has taken the message when it exits with 0;
 * else the status means what sysexits.h says. What it writes to its standard output goes where errors go.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/octets.h"
#include "fetch/target_inside.h"

#define PIECE_SIZE      16384
#define GRACE_MILLISECONDS 5000	/* between SIGTERM and SIGKILL */

/* What is no reason to refuse this message alone; all that is not here is, or may pass. */
static const struct {
	int status;
	enum error_kind kind;
} meanings[] = {
	{ EX_USAGE, ERROR_PERMANENT }, { EX_CONFIG, ERROR_PERMANENT }, { 126, ERROR_PERMANENT },
	{ 127, ERROR_PERMANENT }, { EX_DATAERR, ERROR_DENIED }, { EX_NOUSER, ERROR_DENIED },
	{ EX_NOHOST, ERROR_DENIED }, { EX_UNAVAILABLE, ERROR_DENIED }, { EX_NOPERM, ERROR_DENIED },
};

static int
command_open(struct target *target, const char *rest, struct error *error)
{
	return rest[0] != '\0' ? 0 :
	    error_set(error, ERROR_PERMANENT, "%.100s: there is no command", target->place);
}

static int
command_write(struct parcel *parcel, const char *data, size_t size, struct error *error)
{
	char text[PIECE_SIZE + 1];

	while (size > 0) {
		size_t part = size < PIECE_SIZE ? size : PIECE_SIZE;
		size_t used = append_lines_convert(&parcel->lines, data, part, text);

		if (octets_write(parcel->spool, text, used) != 0)
			return error_errno(error, ERROR_TEMPORARY, "cannot keep the message");
		data += part;
		size -= part;
	}
	return 0;
}

static int
command_finish(struct parcel *parcel, struct error *error)
{
	char held[1];

	snprintf(parcel->mark, sizeof(parcel->mark), "command:");
	if (octets_write(parcel->spool, held, append_lines_end(&parcel->lines, held)) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot keep the message");
	return 0;
}

/* In the child. A group of its own, so that all of it can be ended. */
static void
command_run(const struct parcel *parcel)
{
	const struct target *target = parcel->target;
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (lseek(parcel->spool, 0, SEEK_SET) == 0 && dup2(parcel->spool, STDIN_FILENO) >= 0 &&
	    dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 && setenv("SENDER", target->sender_text, 1) == 0 &&
	    setenv("RECIPIENT", target->recipient_text, 1) == 0 &&
	    setenv("RESTANTE_ACCOUNT", target->account, 1) == 0)
		execl("/bin/sh", "sh", "-c", target->rest, (char *)NULL);
	_exit(EX_OSERR);
}

/* True: it has ended. */
static bool
end_wait(int child, uint64_t milliseconds)
{
	struct pollfd ended = { .fd = child, .events = POLLIN };
	uint64_t deadline = clock_milliseconds() + milliseconds;
	int n;

	do {
		uint64_t now = clock_milliseconds();

		n = poll(&ended, 1, now < deadline ? (int)(deadline - now) : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* Its status as waitpid() has it, or -1: it had to be ended. */
static int
command_wait(const struct target *target, pid_t pid, int child)
{
	bool in_time = end_wait(child, UINT64_C(1000) * target->timeout_seconds);
	int status = 0;

	if (!in_time) {
		kill(-pid, SIGTERM);
		if (!end_wait(child, GRACE_MILLISECONDS))
			kill(-pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return in_time ? status : -1;
}

static int
status_judge(struct parcel *parcel, int status, struct error *error)
{
	enum error_kind kind = ERROR_TEMPORARY;

	if (status == -1)
		return error_set(error, kind, "the command has not ended after %u seconds; whether it has taken "
		    "the message is not known", parcel->target->timeout_seconds);
	if (WIFSIGNALED(status))
		return error_set(error, kind, "the command was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].status == WEXITSTATUS(status))
			kind = meanings[i].kind;
	parcel->is_put_off = kind == ERROR_TEMPORARY;
	return error_set(error, kind, "the command has ended with status %d", WEXITSTATUS(status));
}

static int
command_give(struct parcel *parcel, struct error *error)
{
	pid_t pid = fork();
	int child, status;

	if (pid < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot start the command");
	if (pid == 0)
		command_run(parcel);
	child = pidfd_open(pid, 0);
	if (child < 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot wait for the command");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	status = command_wait(parcel->target, pid, child);
	close(child);
	return status_judge(parcel, status, error);
}

static void
command_commit(struct parcel *const parcels[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct error error;

		if (command_give(parcels[i], &error) != 0)
			parcel_fail(parcels[i], &error);
		else
			parcels[i]->is_committed = true;
	}
}

const struct target_ops target_command_ops = {
	.scheme = "command",
	.open = command_open,
	.begin = parcel_spool_begin,
	.write = command_write,
	.finish = command_finish,
	.end = parcel_spool_end,
	.commit = command_commit,
	.ask = target_ask_nobody,
};
