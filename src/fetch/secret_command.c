/* See secret_command.h. */

#include "fetch/secret_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"

struct running {
	pid_t child;
	int pidfd, output; /* output: -1 at its end */
	char *line;
	size_t size, used;
	bool line_is_over, is_too_long, has_nul;
};

/* The caller's environment and one variable before it; NULL: no memory. The array is the caller's to free. */
static char **
environment_with(const char *variable)
{
	size_t count = 0;
	char **all;

	while (environ[count] != NULL)
		count++;
	all = calloc(count + 2, sizeof(*all));
	if (all == NULL)
		return NULL;
	memcpy(all + (variable != NULL), environ, count * sizeof(*all));
	if (variable != NULL)
		all[0] = (char *)variable;
	return all;
}

/* As a shell would start it: no signal is ignored or held because this program does so. */
static int
spawn(pid_t *child, posix_spawn_file_actions_t *actions, char *const arguments[], char *const environment[])
{
	posix_spawnattr_t attributes;
	sigset_t none, ignored;
	int result = posix_spawnattr_init(&attributes);

	if (result != 0)
		return result;
	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	sigaddset(&ignored, SIGXFSZ);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &ignored);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	result = posix_spawn(child, "/bin/sh", actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	return result;
}

static int
command_spawn(
    struct running *running, const char *command, const char *variable, int output, struct error *error)
{
	char *arguments[] = { "sh", "-c", (char *)command, NULL };
	char **environment = environment_with(variable);
	posix_spawn_file_actions_t actions;
	int result = ENOMEM;

	if (environment != NULL && posix_spawn_file_actions_init(&actions) == 0) {
		posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
		result = spawn(&running->child, &actions, arguments, environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	free(environment);
	errno = result;
	return result == 0 ? 0 : error_errno(error, ERROR_TEMPORARY, "cannot start a command");
}

static int
command_start(struct running *running, const char *command, const char *variable, struct error *error)
{
	int ends[2], result;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot start a command");
	result = command_spawn(running, command, variable, ends[1], error);
	close(ends[1]);
	if (result != 0) {
		close(ends[0]);
		return -1;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	running->output = ends[0];
	running->pidfd = pidfd_open(running->child, 0);
	return 0;
}

static void
octets_take(struct running *running, const char *octets, size_t count)
{
	for (size_t i = 0; i < count && !running->line_is_over; i++) {
		if (octets[i] == '\n')
			running->line_is_over = true;
		else if (running->used == running->size - 1)
			running->is_too_long = running->line_is_over = true;
		else
			running->line[running->used++] = octets[i];
		running->has_nul |= octets[i] == '\0';
	}
}

/* All that is there. To its end, so that a command that prints more is not stopped by it. */
static void
output_read(struct running *running)
{
	char octets[512];
	ssize_t n;

	while (running->output >= 0) {
		n = read(running->output, octets, sizeof(octets));
		if (n > 0) {
			octets_take(running, octets, (size_t)n);
		} else if (n == 0 || errno != EINTR) {
			if (n < 0 && errno == EAGAIN)
				break;
			close(running->output);
			running->output = -1;
		}
	}
	secret_wipe(octets, sizeof(octets));
}

/* Until the command itself has ended: what it leaves behind may keep its output open. False: too long. */
static bool
command_wait(struct running *running, uint64_t limit_seconds)
{
	uint64_t end = clock_milliseconds() + limit_seconds * 1000, now;

	while ((now = clock_milliseconds()) < end) {
		struct pollfd ready[] = {
			{ .fd = running->pidfd, .events = POLLIN },
			{ .fd = running->output, .events = POLLIN },
		};

		if (poll(ready, 2, (int)(end - now)) < 0 && errno != EINTR)
			return false;
		output_read(running);
		if (ready[0].revents != 0)
			return true;
	}
	return false;
}

static int
line_judge(const struct running *running, int status, const char *what, struct error *error)
{
	if (WIFSIGNALED(status))
		return error_set(
		    error, ERROR_DENIED, "the command for %s was ended by signal %d", what, WTERMSIG(status));
	if (WEXITSTATUS(status) == 127)
		return error_set(
		    error, ERROR_DENIED, "the command for %s was not found (exit status 127)", what);
	if (WEXITSTATUS(status) != 0)
		return error_set(error, ERROR_DENIED, "the command for %s failed with exit status %d", what,
		    WEXITSTATUS(status));
	if (running->is_too_long)
		return error_set(error, ERROR_DENIED,
		    "the command for %s printed a line of more than %zu octets", what, running->size - 1);
	if (running->has_nul)
		return error_set(error, ERROR_DENIED, "the command for %s printed NUL", what);
	if (running->used == 0)
		return error_set(
		    error, ERROR_DENIED, "the command for %s printed nothing in its first line", what);
	return 0;
}

int
secret_command(const char *command, const char *what, const char *variable, uint64_t limit_seconds,
    char *secret, size_t size, struct error *error)
{
	struct running running = { .line = secret, .size = size, .pidfd = -1 };
	int status = 0, result = 0;

	if (command_start(&running, command, variable, error) != 0)
		return -1;
	if (!command_wait(&running, limit_seconds)) {
		kill(running.child, SIGKILL);
		result = error_set(error, ERROR_TEMPORARY, "the command for %s took more than %u seconds", what,
		    (unsigned)limit_seconds);
	}
	while (waitpid(running.child, &status, 0) < 0 && errno == EINTR)
		;
	if (running.output >= 0)
		close(running.output);
	if (running.pidfd >= 0)
		close(running.pidfd);
	if (result == 0)
		result = line_judge(&running, status, what, error);
	if (result == 0)
		secret[running.used] = '\0';
	else
		secret_wipe(secret, size);
	return result;
}
