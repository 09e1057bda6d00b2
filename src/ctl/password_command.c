/* See password_command.h. */

#include "ctl/password_command.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "ctl/secret_input.h"

static pid_t
command_start(const char *command, int *output, struct error *error)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(error, ERROR_TEMPORARY, "pipe");
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return error_errno(error, ERROR_TEMPORARY, "fork");
	}
	*output = ends[0];
	return child;
}

/* To its end, so that a command that prints more is not stopped by it. */
static void
drain(int output)
{
	char rest[256];
	ssize_t n;

	do
		n = read(output, rest, sizeof(rest));
	while (n > 0 || (n < 0 && errno == EINTR));
	secret_wipe(rest, sizeof(rest));
}

int
password_command(char password[PASSWORD_SIZE], const char *command, struct error *error)
{
	int output = -1, status, result;
	pid_t child = command_start(command, &output, error);

	if (child < 0)
		return -1;
	result = secret_input(password, output, "the old server", false, error);
	drain(output);
	close(output);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (result == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		secret_wipe(password, PASSWORD_SIZE);
		result = error_set(error, ERROR_PERMANENT, "the command for the password has failed");
	}
	return result;
}
