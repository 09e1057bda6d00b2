/*
 * One child: fork, other rights, exec. It gets /dev/null as 0 and 1, the log as 2, its control
 * channel as 3 and nothing else; no environment; a session of its own, so that Ctrl-C on our
 * terminal reaches us alone.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "parent/parent.h"

#define CONTROL_DESCRIPTOR 3
#define EXIT_NOT_STARTED   71 /* EX_OSERR */
#define ENVIRONMENT_MAX    32

#ifdef RESTANTE_TEST_HOOKS
extern char **environ;

/* What the tests and the sanitizers are told by. */
static char **
environment(void)
{
	static const char *const prefixes[] = { "RESTANTE_",
		"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=" };
	static char *kept[ENVIRONMENT_MAX + 1];
	size_t count = 0;

	for (char **variable = environ; *variable != NULL && count < ENVIRONMENT_MAX; variable++)
		for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
			if (strncmp(*variable, prefixes[i], strlen(prefixes[i])) == 0) {
				kept[count++] = *variable;
				break;
			}
	kept[count] = NULL;
	return kept;
}
#else
static char **
environment(void)
{
	static char *none[] = { NULL };

	return none;
}
#endif

static int
become(const struct identity *identity)
{
	if (identity == NULL)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return -1;
	return 0;
}

/* control, program and the output are above what is overwritten here; dup2() drops close-on-exec. */
static int
descriptors(const struct parent *parent, int control, int output)
{
	control = fcntl(control, F_DUPFD_CLOEXEC, CONTROL_DESCRIPTOR + 1);
	if (control < 0 || (output >= 0 && dup2(output, STDERR_FILENO) < 0) ||
	    dup2(parent->null, STDIN_FILENO) < 0 || dup2(parent->null, STDOUT_FILENO) < 0 ||
	    dup2(control, CONTROL_DESCRIPTOR) < 0)
		return -1;
	return close_range(CONTROL_DESCRIPTOR + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn void
child_main(const struct parent *parent, const struct spawn *what, int control)
{
	const char *step = "descriptors";
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (descriptors(parent, control, what->output) == 0) {
		step = "uid";
		if (become(what->identity) == 0) {
			step = "exec";
			execveat(parent->programs[what->role], "", (char *const *)what->argv,
			    environment(), AT_EMPTY_PATH);
		}
	}
	LOG(LOG_LEVEL_ERROR, "child-not-started", LOG_TEXT("process", what->argv[0]),
	    LOG_TEXT("step", step), LOG_TEXT("reason", strerrordesc_np(errno)));
	_exit(EXIT_NOT_STARTED);
}

pid_t
spawn(const struct parent *parent, const struct spawn *what, int *control, struct error *error)
{
	int ends[2];
	pid_t pid;

	if (ipc_pair(ends, error) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		child_main(parent, what, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		error_errno(error, ERROR_TEMPORARY, "fork");
		close(ends[0]);
		return -1;
	}
	*control = ends[0];
	return pid;
}
