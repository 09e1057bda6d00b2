/*
 * See filter.h. The header is in a file without a name, so that a command that reads none of it hinders nobody.
 */

#include "fetch/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define ANSWER_SIZE 64
#define VARIABLES   3

extern char **environ;

static int
header_file(const void *header, size_t size, struct error *error)
{
	int file = memfd_create("header", MFD_CLOEXEC);
	const char *text = header;

	while (file >= 0 && size > 0) {
		ssize_t written = write(file, text, size);

		if (written < 0) {
			close(file);
			file = -1;
			break;
		}
		text += written;
		size -= (size_t)written;
	}
	if (file < 0 || lseek(file, 0, SEEK_SET) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot hand the header to the filter");
	return file;
}

/* environ with three variables more; what they point to stays the caller's. */
static char **
environment(char *const variables[VARIABLES])
{
	size_t count = 0;
	char **copy;

	while (environ[count] != NULL)
		count++;
	copy = calloc(count + VARIABLES + 1, sizeof(char *));
	if (copy == NULL)
		return NULL;
	memcpy(copy, variables, VARIABLES * sizeof(char *));
	memcpy(copy + VARIABLES, environ, count * sizeof(char *));
	return copy;
}

/* In a process group of its own, so that all it has started can be ended. */
static int
start(pid_t *child, const char *command, char *const variables[VARIABLES], int input, int output)
{
	char *const words[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char *)(uintptr_t)command, NULL };
	char **variables_all = environment(variables);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, ignored;
	int outcome;

	if (variables_all == NULL)
		return ENOMEM;
	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	sigaddset(&ignored, SIGXFSZ);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(
	    &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &ignored);
	outcome = posix_spawn(child, "/bin/sh", &actions, &attributes, words, variables_all);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(variables_all);
	return outcome;
}

/* Up to the end of what it says; false: not in time. What is more than fits is thrown away. */
static bool
hear(int file, char answer[ANSWER_SIZE], uint64_t deadline)
{
	size_t used = 0;
	char more[512];

	for (;;) {
		uint64_t now = clock_milliseconds();
		struct pollfd wait = { .fd = file, .events = POLLIN };
		ssize_t got;

		if (now >= deadline)
			return false;
		if (poll(&wait, 1, (int)(deadline - now)) <= 0)
			continue;
		got = read(file, more, sizeof(more));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got && used < ANSWER_SIZE - 1; i++)
			answer[used++] = more[i];
	}
	answer[used] = '\0';
	return true;
}

static int
verdict_of(enum filter_verdict *verdict, const char *answer, struct error *error)
{
	static const char *const words[] = {
		[FILTER_FETCH] = "fetch",
		[FILTER_SKIP] = "skip",
		[FILTER_DELETE] = "delete",
	};
	size_t size;

	answer += strspn(answer, " \t\r\n");
	size = strcspn(answer, " \t\r\n");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) == size && strncmp(words[i], answer, size) == 0) {
			*verdict = (enum filter_verdict)i;
			return 0;
		}
	return error_set(error, ERROR_TEMPORARY, "the filter says neither fetch, skip nor delete, but `%.*s`",
	    (int)size, answer);
}

static int
conclude(pid_t child, int output, enum filter_verdict *verdict, unsigned timeout_seconds, struct error *error)
{
	char answer[ANSWER_SIZE];
	bool is_heard = hear(output, answer, clock_milliseconds() + timeout_seconds * UINT64_C(1000));
	int status;

	if (!is_heard)
		kill(-child, SIGKILL);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(error, ERROR_TEMPORARY, "cannot wait for the filter");
	if (!is_heard)
		return error_set(
		    error, ERROR_TEMPORARY, "the filter took longer than %u seconds", timeout_seconds);
	if (WIFSIGNALED(status))
		return error_set(error, ERROR_TEMPORARY, "the filter was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return error_set(
		    error, ERROR_TEMPORARY, "the filter failed with status %d", WEXITSTATUS(status));
	return verdict_of(verdict, answer, error);
}

static int
run(enum filter_verdict *verdict, const char *command, char *const variables[VARIABLES], int input,
    unsigned timeout_seconds, struct error *error)
{
	pid_t child;
	int outcome, output[2];

	if (pipe2(output, O_CLOEXEC) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot start the filter");
	outcome = start(&child, command, variables, input, output[1]);
	close(output[1]);
	if (outcome != 0) {
		errno = outcome;
		outcome = error_errno(error, ERROR_TEMPORARY, "cannot start the filter");
	} else {
		outcome = conclude(child, output[0], verdict, timeout_seconds, error);
	}
	close(output[0]);
	return outcome;
}

int
filter_ask(enum filter_verdict *verdict, const char *command, const char *account, const char *uidl,
    uint64_t octets, const void *header, size_t size, unsigned timeout_seconds, struct error *error)
{
	char *variables[VARIABLES] = { NULL };
	int input = header_file(header, size, error), outcome = -1;

	if (input < 0)
		return -1;
	if (asprintf(&variables[0], "RESTANTE_ACCOUNT=%s", account) < 0 ||
	    asprintf(&variables[1], "RESTANTE_UIDL=%s", uidl) < 0 ||
	    asprintf(&variables[2], "RESTANTE_SIZE=%" PRIu64, octets) < 0)
		error_set(error, ERROR_TEMPORARY, "no memory for the filter");
	else
		outcome = run(verdict, command, variables, input, timeout_seconds, error);
	for (size_t i = 0; i < VARIABLES; i++)
		free(variables[i]);
	close(input);
	return outcome;
}
