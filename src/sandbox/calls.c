/*
 * The allow-lists. A call that is not here fails with EPERM.
 *
 * A child inherits the parent's filter and adds its own to it. Therefore the parent is in every
 * row: its list is that of everybody, and what it takes to start them.
 *
 * Some calls stand here under two names, because one C library or machine uses the newer one where
 * another uses the older. clone3 is on no list: it fails with ENOSYS, and the C library falls back
 * on clone, whose flags a filter can see.
 */

#include "sandbox/calls.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "sandbox/sanitizer.h"

#define PARENT   (1u << SANDBOX_PARENT)
#define LOGIN    (1u << SANDBOX_LOGIN)
#define AUTH     (1u << SANDBOX_AUTH)
#define MAILDROP (1u << SANDBOX_MAILDROP)
#define LMTP     (1u << SANDBOX_LMTP)
#define CHILDREN (LOGIN | AUTH | MAILDROP | LMTP)
#define ALL      (PARENT | CHILDREN)

/* clang-format off */
const struct call_group call_groups[] = {
	/* memory, threads, signals of one's own, time, the end */
	{ ALL, { "brk", "madvise", "mremap", "munmap",
		"futex", "gettid", "membarrier", "rseq", "sched_getaffinity", "sched_yield",
		"set_robust_list", "set_tid_address",
		"restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
		"rt_sigtimedwait", "sigaltstack",
		"clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time",
		"exit", "exit_group", "getrandom",
		"getegid", "geteuid", "getgid", "getpid", "getppid", "getuid", "sysinfo", "uname" } },
	/* descriptors that one has */
	{ ALL, { "close", "close_range", "dup", "dup2", "dup3", "fstat", "lseek", "pread64", "preadv",
		"read", "readv", "write", "writev" } },
	/* waiting for them */
	{ ALL, { "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
		"poll", "ppoll" } },
	{ AUTH | MAILDROP | PARENT, { "eventfd2", "pipe", "pipe2", "pselect6", "select", "signalfd4",
		"timerfd_create", "timerfd_gettime", "timerfd_settime" } },
	/* sockets that one was given */
	{ ALL, { "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmsg", "sendmsg",
		"sendto", "setsockopt", "shutdown" } },
	/* clients */
	{ LOGIN | LMTP | PARENT, { "accept", "accept4" } },
	/* a new pair of connected sockets, from which nothing else can be reached */
	{ LOGIN | PARENT, { "socketpair" } },
	/* a message on its way: in memory, or in a file that loses its name at once */
	{ LMTP | PARENT, { "memfd_create", "open", "openat", "unlink", "unlinkat" } },
	/* files: where, says Landlock */
	{ AUTH | MAILDROP | PARENT, { "access", "faccessat", "faccessat2", "fstatfs", "getdents64",
		"lstat", "newfstatat", "open", "openat", "readlink", "readlinkat", "stat", "statfs",
		"statx",
		"inotify_add_watch", "inotify_init1", "inotify_rm_watch" } },
	{ MAILDROP | PARENT, { "copy_file_range", "fadvise64", "fallocate", "fchmod", "fdatasync",
		"flock", "fsync", "ftruncate", "link", "linkat", "mkdir", "mkdirat", "preadv2",
		"pwrite64", "pwritev", "rename", "renameat", "renameat2", "sendfile", "splice",
		"sync_file_range", "umask", "unlink", "unlinkat", "utimensat" } },
	/* sockets, listeners, notifications, the control socket */
	{ PARENT, { "bind", "chmod", "chown", "connect", "fchmodat", "fchown", "fchownat", "lchown",
		"listen", "socket", "socketpair" } },
	/* starting programs, what the loader needs before their first act, and that act */
	{ PARENT, { "arch_prctl", "chdir", "clone", "execve", "execveat", "fchdir", "fork", "getcwd",
		"getgroups", "getpgid", "getpgrp", "getresgid", "getresuid", "getrlimit", "getsid",
		"kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",
		"mlock", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "rmdir", "seccomp",
		"setgid", "setgroups", "setpgid", "setregid", "setresgid", "setresuid", "setreuid",
		"setrlimit", "setsid", "setuid", "tgkill", "tkill", "vfork", "wait4", "waitid" } },
	{ PARENT, { "ioctl", "fcntl" } },
#ifdef SANDBOX_SANITIZED
	/* The leak checker stops its own process by tracing it; Landlock hides the others from it. */
	{ ALL, { "clone", "getdents", "getdents64", "kill", "newfstatat", "open", "openat", "prctl", "ptrace",
		"readlink", "readlinkat", "sched_getparam", "tgkill", "wait4" } },
#endif
};
const size_t call_group_count = sizeof(call_groups) / sizeof(call_groups[0]);

#define INT 0xffffffffu		/* an int as a whole: the kernel does not look at more */

const struct call_condition call_conditions[] = {
	/*
	 * No new code in the children. The parent's children load their libraries behind its filter:
	 * there it is no memory that is writable and executable at once.
	 */
	{ ALL, "mmap", 2, PROT_EXEC, 0 },
	{ ALL, "mprotect", 2, PROT_EXEC, 0 },
	{ PARENT, "mmap", 2, PROT_WRITE, 0 },
	{ PARENT, "mprotect", 2, PROT_WRITE, 0 },
	/* Threads, but no processes. */
	{ AUTH | MAILDROP, "clone", 0, CLONE_THREAD, CLONE_THREAD },
	{ CHILDREN, "prctl", 0, INT, PR_SET_NAME },
	/* The state of a descriptor, not of a path. */
	{ LOGIN | LMTP, "newfstatat", 3, INT, AT_EMPTY_PATH },
	/* One's own limits. */
	{ CHILDREN, "prlimit64", 0, INT, 0 },
	{ CHILDREN, "ioctl", 1, INT, FIONREAD },
	{ CHILDREN, "ioctl", 1, INT, TCGETS },
	{ CHILDREN, "ioctl", 1, INT, TIOCOUTQ },
	/* Everything but what sends signals to others (F_SETOWN, F_SETSIG, F_NOTIFY, leases). */
	{ CHILDREN, "fcntl", 1, INT, F_DUPFD },
	{ CHILDREN, "fcntl", 1, INT, F_DUPFD_CLOEXEC },
	{ CHILDREN, "fcntl", 1, INT, F_GETFD },
	{ CHILDREN, "fcntl", 1, INT, F_SETFD },
	{ CHILDREN, "fcntl", 1, INT, F_GETFL },
	{ CHILDREN, "fcntl", 1, INT, F_SETFL },
	{ CHILDREN, "fcntl", 1, INT, F_GET_SEALS },
	{ CHILDREN, "fcntl", 1, INT, F_ADD_SEALS },
	{ CHILDREN, "fcntl", 1, INT, F_GETPIPE_SZ },
	{ CHILDREN, "fcntl", 1, INT, F_SETPIPE_SZ },
	{ AUTH | MAILDROP, "fcntl", 1, INT, F_GETLK },
	{ AUTH | MAILDROP, "fcntl", 1, INT, F_SETLK },
	{ AUTH | MAILDROP, "fcntl", 1, INT, F_SETLKW },
	{ AUTH | MAILDROP, "fcntl", 1, INT, F_OFD_GETLK },
	{ AUTH | MAILDROP, "fcntl", 1, INT, F_OFD_SETLK },
	{ AUTH | MAILDROP, "fcntl", 1, INT, F_OFD_SETLKW },
};
const size_t call_condition_count = sizeof(call_conditions) / sizeof(call_conditions[0]);
/* clang-format on */
