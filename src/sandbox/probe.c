/* What the whole-program tests see of the walls; see probe.h. */

#include "sandbox/probe.h"

#ifdef RESTANTE_TEST_HOOKS

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"

static bool
is_set(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && strcmp(value, "1") == 0;
}

bool
probe_is_disarmed(void)
{
	return is_set("RESTANTE_NO_SANDBOX");
}

/* The call fails with EPERM, as it would without the trap, after a line in the log. */
static void
report_denial(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;
	uint64_t first;

	(void)signal_number;
#if defined(__x86_64__)
	first = (uint64_t)machine->uc_mcontext.gregs[REG_RDI];
	machine->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
	first = machine->uc_mcontext.regs[0];
	machine->uc_mcontext.regs[0] = (uint64_t)-EPERM;
#else
#error "the test hooks do not know this machine"
#endif
	LOG(LOG_LEVEL_ERROR, "denied", LOG_NUMBER("call", info->si_syscall),
	    LOG_NUMBER("first_argument", first));
}

uint32_t
probe_denial_action(void)
{
	struct sigaction action = { .sa_sigaction = report_denial, .sa_flags = SA_SIGINFO | SA_NODEFER };

	if (!is_set("RESTANTE_SANDBOX_TRAP") || sigaction(SIGSYS, &action, NULL) != 0)
		return SCMP_ACT_ERRNO(EPERM);
	return SCMP_ACT_TRAP;
}

static const char *
outcome(bool done)
{
	return done ? "done" : strerrorname_np(errno);
}

static const char *
try_open(const char *path)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);

	if (descriptor >= 0)
		close(descriptor);
	return outcome(descriptor >= 0);
}

static const char *
try_connect(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *result;

	if (descriptor < 0)
		return outcome(false);
	result = outcome(connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(descriptor);
	return result;
}

/* In a child if there can be one. Else, where this succeeds, nobody is left to tell. */
static const char *
try_exec(void)
{
	char program[] = "/bin/true", *arguments[] = { program, NULL };
	pid_t pid = fork();
	int status;

	if (pid > 0) {
		if (waitpid(pid, &status, 0) == pid)
			errno = WEXITSTATUS(status);
		return outcome(errno == 0);
	}
	(void)execve(program, arguments, arguments + 1);
	if (pid == 0)
		_exit(errno);
	return outcome(false);
}

static const char *
try_trace(pid_t other)
{
	if (ptrace(PTRACE_SEIZE, other, NULL, NULL) != 0)
		return outcome(false);
	/* It goes on untraced, or its next signal would stop it. */
	return outcome(ptrace(PTRACE_INTERRUPT, other, NULL, NULL) == 0 &&
	    waitpid(other, NULL, __WALL) == other && ptrace(PTRACE_DETACH, other, NULL, NULL) == 0);
}

void
probe_walls(enum sandbox_role role)
{
	static const char *const programs[SANDBOX_ROLE_COUNT] = {
		[SANDBOX_LOGIN] = "restante-login",
		[SANDBOX_AUTH] = "restante-auth",
		[SANDBOX_MAILDROP] = "restante-maildrop",
		[SANDBOX_LMTP] = "restante-lmtp",
	};
	const char *path = getenv("RESTANTE_PROBE_PATH");

	/* The parent must be able to do these things. */
	if (!is_set("RESTANTE_PROBE") || programs[role] == NULL)
		return;
	LOG(LOG_LEVEL_INFO, "probe", LOG_TEXT("program", programs[role]),
	    LOG_TEXT("open", try_open("/etc/passwd")), LOG_TEXT("connect", try_connect()),
	    LOG_TEXT("exec", try_exec()), LOG_TEXT("path", path != NULL ? try_open(path) : "none"),
	    LOG_TEXT("kill", outcome(kill(getppid(), 0) == 0)),
	    LOG_TEXT("ptrace", try_trace(getppid())));
}

#endif
