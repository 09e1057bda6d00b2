/*
 * From inside each role: what must fail fails, what must work works. A table of deeds, each tried
 * in a child of its own that has entered the role; twice, the second time behind the parent's
 * walls, as real children live.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandbox/sandbox.h"
#include "sandbox/sanitizer.h"

#define PARENT   (1u << SANDBOX_PARENT)
#define LOGIN    (1u << SANDBOX_LOGIN)
#define AUTH     (1u << SANDBOX_AUTH)
#define MAILDROP (1u << SANDBOX_MAILDROP)
#define LMTP     (1u << SANDBOX_LMTP)
#define ALL      (PARENT | LOGIN | AUTH | MAILDROP | LMTP)

#ifdef SANDBOX_SANITIZED
#define CHILDREN_IF_SANITIZED (LOGIN | AUTH | MAILDROP | LMTP)
#define PARENT_IF_SANITIZED   PARENT
#define LIST_IF_SANITIZED     | LMTP
#else
#define CHILDREN_IF_SANITIZED 0
#define PARENT_IF_SANITIZED   0
#define LIST_IF_SANITIZED
#endif

/* Made before the walls go up. */
static char granted[64], forbidden[64];	/* directories, each with a file "letter" */
static int listener, stream[2], file;
static pid_t other;			/* a process that waits to be attacked */

/* Each deed returns 0, or -1 with errno. */

static int
read_octet(const char *directory, const char *name)
{
	char path[128], octet;
	int descriptor, result;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return -1;
	result = read(descriptor, &octet, 1) == 1 ? 0 : -1;
	close(descriptor);
	return result;
}

static int
read_passwd(void)
{
	return read_octet("/etc", "passwd");
}

static int
read_granted(void)
{
	return read_octet(granted, "letter");
}

static int
read_forbidden(void)
{
	return read_octet(forbidden, "letter");
}

static int
list(const char *directory)
{
	DIR *entries = opendir(directory);

	if (entries == NULL)
		return -1;
	errno = 0;
	if (readdir(entries) == NULL)
		return -1;
	return closedir(entries);
}

static int
list_granted(void)
{
	return list(granted);
}

static int
list_forbidden(void)
{
	return list(forbidden);
}

static int
look_at_passwd(void)
{
	struct stat status;

	return stat("/etc/passwd", &status);
}

static int
write_in(const char *directory)
{
	char path[128];
	int descriptor;

	snprintf(path, sizeof(path), "%s/new", directory);
	descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (descriptor < 0)
		return -1;
	if (write(descriptor, "x", 1) != 1 || fsync(descriptor) != 0 || fdatasync(descriptor) != 0 ||
	    ftruncate(descriptor, 0) != 0 || flock(descriptor, LOCK_EX) != 0)
		return -1;
	return close(descriptor) == 0 ? unlink(path) : -1;
}

static int
write_granted(void)
{
	return write_in(granted);
}

static int
write_forbidden(void)
{
	return write_in(forbidden);
}

/* A file that can be read by one descriptor, and has no name. */
static int
spool_in(const char *directory)
{
	char path[128];
	int descriptor, other_descriptor;

	snprintf(path, sizeof(path), "%s/spooled", directory);
	descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (descriptor < 0)
		return -1;
	other_descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (other_descriptor < 0 || unlink(path) < 0 || write(descriptor, "x", 1) < 0)
		return -1;
	close(other_descriptor);
	return close(descriptor);
}

static int
spool_granted(void)
{
	return spool_in(granted);
}

static int
spool_forbidden(void)
{
	return spool_in(forbidden);
}

static int
truncate_forbidden(void)
{
	char path[128];
	int descriptor;

	snprintf(path, sizeof(path), "%s/letter", forbidden);
	descriptor = open(path, O_WRONLY | O_CLOEXEC);
	return descriptor < 0 ? -1 : close(descriptor);
}

/* As from new/ to cur/, and as a delivery without rename(). */
static int
rename_between_directories(void)
{
	char directory[80], from[80], to[128], link_path[128];
	int descriptor;

	snprintf(directory, sizeof(directory), "%s/cur", granted);
	snprintf(from, sizeof(from), "%s/mail", granted);
	snprintf(to, sizeof(to), "%s/mail:2,S", directory);
	snprintf(link_path, sizeof(link_path), "%s/linked", directory);
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return -1;
	descriptor = open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (descriptor < 0)
		return -1;
	close(descriptor);
	if (link(from, link_path) != 0 || rename(from, to) != 0 || unlink(link_path) != 0)
		return -1;
	return unlink(to);
}

static int
rename_away(void)
{
	char from[128], to[128];

	snprintf(from, sizeof(from), "%s/letter", granted);
	snprintf(to, sizeof(to), "%s/stolen", forbidden);
	return link(from, to) == 0 ? unlink(to) : -1;
}

static int
make_symbolic_link(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/symbolic", granted);
	return symlink("/etc/passwd", path) == 0 ? unlink(path) : -1;
}

static int
make_device(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/null", granted);
	return mknod(path, S_IFCHR | 0600, 0x103) == 0 ? unlink(path) : -1;
}

static int
sendfile_to_client(void)
{
	off_t offset = 0;
	char octet;

	return sendfile(stream[0], file, &offset, 1) == 1 && read(stream[1], &octet, 1) == 1 ? 0 : -1;
}

static int
open_socket(void)
{
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return descriptor < 0 ? -1 : close(descriptor);
}

static int
open_unix_socket(void)
{
	int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return descriptor < 0 ? -1 : close(descriptor);
}

/* Even with a socket at hand, as a confused parent might pass one. */
static int
connect_out(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/nowhere" };

	if (connect(file, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == ENOTSOCK)
		return 0;
	return -1;
}

static int
bind_a_port(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (bind(file, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == ENOTSOCK)
		return 0;
	return -1;
}

static int
listen_again(void)
{
	return listen(listener, 10);
}

static int
accept_a_client(void)
{
	int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return descriptor >= 0 || errno == EAGAIN ? 0 : -1;
}

static int
make_a_pair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ?
	    close(ends[0]) + close(ends[1]) : -1;
}

static int
talk(void)
{
	int on = 1, waiting;
	char octet;

	return send(stream[0], "x", 1, MSG_NOSIGNAL) == 1 && ioctl(stream[1], FIONREAD, &waiting) == 0 &&
	    recv(stream[1], &octet, 1, 0) == 1 && fcntl(stream[0], F_SETFL, O_NONBLOCK) == 0 &&
	    setsockopt(stream[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0 ? 0 : -1;
}

static int
run_a_program(void)
{
	char program[] = "/bin/true", *arguments[] = { program, NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execve(program, arguments, arguments + 1);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = WEXITSTATUS(status);
	return status == 0 ? 0 : -1;
}

/* Where this succeeds the child has become another program, and its result stays what it was. */
static int
become_a_program(void)
{
	char program[] = "/bin/true", *arguments[] = { program, NULL };

	return execve(program, arguments, arguments + 1);
}

static int
become_a_program_by_descriptor(void)
{
	char *arguments[] = { granted, NULL };

	return execveat(file, "", arguments, arguments + 1, AT_EMPTY_PATH) != 0 && errno == EACCES ? 0 : -1;
}

static int
start_a_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return pid > 0 ? 0 : -1;
}

static void *
add_one(void *number)
{
	(*(int *)number)++;
	return NULL;
}

static int
start_a_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int number = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 1 << 18);
	errno = pthread_create(&thread, &attributes, add_one, &number);
	if (errno != 0 || (errno = pthread_join(thread, NULL)) != 0)
		return -1;
	pthread_attr_destroy(&attributes);
	return number == 1 ? 0 : -1;
}

static int
trace_another(void)
{
	return (int)ptrace(PTRACE_SEIZE, other, NULL, NULL);
}

static int
read_anothers_memory(void)
{
	char path[64];
	int descriptor;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)other);
	descriptor = open(path, O_RDONLY | O_CLOEXEC);
	return descriptor < 0 ? -1 : close(descriptor);
}

static int
kill_another(void)
{
	return kill(other, 0);
}

static int
signal_anothers_thread(void)
{
	return (int)syscall(SYS_tgkill, other, other, 0);
}

static int
signal_oneself(void)
{
	return signal(SIGUSR1, SIG_IGN) == SIG_ERR ? -1 : raise(SIGUSR1);
}

static int
signal_through_a_descriptor(void)
{
	return fcntl(stream[0], F_SETOWN, other);
}

static int
become_somebody(void)
{
	return setuid(getuid());
}

static int
make_executable_memory(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? -1 : munmap(memory, 4096);
}

static int
make_memory_executable(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int result;

	if (memory == MAP_FAILED)
		return -1;
	result = mprotect(memory, 4096, PROT_READ | PROT_EXEC);
	munmap(memory, 4096);
	return result;
}

static int
use_memory(void)
{
	void *volatile large = malloc(8 << 20), *volatile small = malloc(100);
	char random[16];

	if (large == NULL || small == NULL)
		return -1;
	large = realloc(large, 16 << 20);
	free(large);
	free(small);
	return getrandom(random, sizeof(random), 0) == sizeof(random) ? 0 : -1;
}

static int
wait_for_descriptors(void)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int set = epoll_create1(EPOLL_CLOEXEC);

	return set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, stream[1], &event) == 0 &&
	    epoll_wait(set, &event, 1, 1000) == 1 && epoll_ctl(set, EPOLL_CTL_DEL, stream[1], NULL) == 0 ?
	    close(set) : -1;
}

static int
wait_for_things(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct itimerspec now = { .it_value = { 0, 1 } };
	int set = epoll_create1(EPOLL_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int wake = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	return set >= 0 && timer >= 0 && wake >= 0 && timerfd_settime(timer, 0, &now, NULL) == 0 &&
	    sigprocmask(SIG_BLOCK, &signals, NULL) == 0 &&
	    signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK) >= 0 &&
	    epoll_ctl(set, EPOLL_CTL_ADD, wake, &event) == 0 &&
	    epoll_ctl(set, EPOLL_CTL_ADD, timer, &event) == 0 && epoll_wait(set, &event, 1, 1000) == 1 ?
	    0 : -1;
}

static int
look_at_descriptors(void)
{
	struct stat status;
	char octet;

	return fstat(file, &status) == 0 && pread(file, &octet, 1, 0) == 1 && lseek(file, 0, SEEK_END) == 7 &&
	    fcntl(dup(file), F_GETFD) == 0 ? 0 : -1;
}

static int
count_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -1;
	errno = EDOM;
	return sysconf(_SC_NPROCESSORS_ONLN) >= CPU_COUNT(&set) ? 0 : -1;
}

static int
seal_shared_memory(void)
{
	int descriptor = memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return descriptor >= 0 && fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE) == 0 ? close(descriptor) : -1;
}

static int
dump_core(void)
{
	struct rlimit limit;

	errno = EPERM;
	return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max > 0 ? 0 : -1;
}

static int
be_dumped(void)
{
	errno = EPERM;
	return syscall(SYS_prctl, PR_GET_DUMPABLE) > 0 ? 0 : -1;
}

static int
gain_privileges(void)
{
	int no_new_privileges = (int)syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

	if (no_new_privileges < 0)	/* the call itself is refused */
		return -1;
	errno = EPERM;
	return no_new_privileges == 0 ? 0 : -1;
}

static int
look_into_the_kernel(void)
{
	errno = 0;
	return syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno != EPERM ? 0 : -1;
}

static int
mount_something(void)
{
	return (int)syscall(SYS_umount2, "/nowhere", 0) == 0 || errno == ENOENT ? 0 : -1;
}

static int
clone_in_the_new_way(void)
{
	/* ENOSYS makes the C library use clone(). */
	return syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS ? 0 : -1;
}

static const struct {
	const char *name;
	int (*act)(void);
	unsigned may;		/* the roles that must succeed; the others must get EPERM or EACCES */
} deeds[] = {
	{ "read /etc/passwd", read_passwd, PARENT },
	{ "read a file in a granted directory", read_granted, PARENT | AUTH | MAILDROP | LMTP },
	{ "read a file in another directory", read_forbidden, PARENT },
	{ "list a granted directory", list_granted, PARENT | AUTH | MAILDROP LIST_IF_SANITIZED },
	{ "list another directory", list_forbidden, PARENT },
	{ "stat /etc/passwd", look_at_passwd, PARENT | AUTH | MAILDROP | CHILDREN_IF_SANITIZED },
	{ "write in a granted directory", write_granted, PARENT | MAILDROP },
	{ "spool in a granted directory", spool_granted, PARENT | MAILDROP | LMTP },
	{ "spool in another directory", spool_forbidden, PARENT },
	{ "write in another directory", write_forbidden, PARENT },
	{ "open a file elsewhere for writing", truncate_forbidden, PARENT },
	{ "move and link mail", rename_between_directories, PARENT | MAILDROP },
	{ "link mail to elsewhere", rename_away, PARENT },
	{ "make a symbolic link", make_symbolic_link, 0 },
	{ "make a device node", make_device, 0 },
	{ "sendfile", sendfile_to_client, PARENT | MAILDROP },
	{ "open an Internet socket", open_socket, PARENT },
	{ "open a Unix socket", open_unix_socket, PARENT },
	{ "connect", connect_out, PARENT },
	{ "bind", bind_a_port, PARENT },
	{ "listen", listen_again, PARENT },
	{ "accept", accept_a_client, PARENT | LOGIN | LMTP },
	{ "make a pair of sockets", make_a_pair, PARENT | LOGIN },
	{ "send and receive", talk, ALL },
	{ "run a program", run_a_program, PARENT },
	{ "run a program by its descriptor", become_a_program_by_descriptor, PARENT },
	{ "start a process", start_a_process, PARENT | CHILDREN_IF_SANITIZED },
	{ "start a thread", start_a_thread, PARENT | AUTH | MAILDROP | CHILDREN_IF_SANITIZED },
	{ "trace another process", trace_another, PARENT_IF_SANITIZED },
	{ "read another process's memory map", read_anothers_memory, PARENT },
	{ "signal another process", kill_another, PARENT },
	{ "signal another process's thread", signal_anothers_thread, PARENT },
	{ "raise a signal", signal_oneself, ALL },
	{ "send signals through a descriptor", signal_through_a_descriptor, PARENT },
	{ "change the uid", become_somebody, PARENT },
	{ "map memory that is writable and executable", make_executable_memory, 0 },
	{ "make written memory executable", make_memory_executable, PARENT },
	{ "use memory", use_memory, ALL },
	{ "wait for descriptors", wait_for_descriptors, ALL },
	{ "wait for timers, threads and signals", wait_for_things, PARENT | AUTH | MAILDROP },
	{ "look at descriptors", look_at_descriptors, ALL },
	{ "count processors", count_processors, ALL },
	{ "make sealed shared memory", seal_shared_memory, PARENT | LMTP },
	{ "dump core", dump_core, 0 },
	{ "be dumpable", be_dumped, 0 },
	{ "gain privileges", gain_privileges, 0 },
	{ "bpf", look_into_the_kernel, 0 },
	{ "umount", mount_something, 0 },
	{ "fall back from clone3", clone_in_the_new_way, ALL },
	/* Last: nothing comes after a success. */
	{ "become another program", become_a_program, 0 },
};
#define DEED_COUNT (sizeof(deeds) / sizeof(deeds[0]))

static const struct {
	const char *name;
	enum sandbox_role role;
	enum sandbox_access access;
	bool behind_the_parent;
} walls[] = {
	{ "parent", SANDBOX_PARENT, SANDBOX_READ, false },
	{ "login", SANDBOX_LOGIN, SANDBOX_READ, false },
	{ "auth", SANDBOX_AUTH, SANDBOX_READ, false },
	{ "maildrop", SANDBOX_MAILDROP, SANDBOX_READ_WRITE, false },
	{ "lmtp", SANDBOX_LMTP, SANDBOX_READ_WRITE, false },
	{ "login, started by parent", SANDBOX_LOGIN, SANDBOX_READ, true },
	{ "auth, started by parent", SANDBOX_AUTH, SANDBOX_READ, true },
	{ "maildrop, started by parent", SANDBOX_MAILDROP, SANDBOX_READ_WRITE, true },
	{ "lmtp, started by parent", SANDBOX_LMTP, SANDBOX_READ_WRITE, true },
};

static void
enter_or_die(size_t wall)
{
	const struct sandbox_path paths[] = {
		{ granted, walls[wall].access },
		{ "/nowhere/at/all", SANDBOX_READ_WRITE },
	};
	/* login gets nothing, whatever it asks for here: that is its own list's business. */
	size_t count = walls[wall].role == SANDBOX_LOGIN ? 0 : 2;
	struct error error;

	if (walls[wall].behind_the_parent && sandbox_enter(SANDBOX_PARENT, NULL, 0, &error) != 0)
		_exit(100);
	if (sandbox_enter(walls[wall].role, paths, count, &error) != 0) {
		dprintf(2, "%s: %s\n", walls[wall].name, error.text);
		_exit(101);
	}
}

/* The errno of each deed, 0 for success, in memory shared with the child that tries them. */
static void
try_deeds(size_t wall, int results[DEED_COUNT])
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		enter_or_die(wall);
		for (size_t i = 0; i < DEED_COUNT; i++) {
			/* What happens if the child does not come back from the last one. */
			results[i] = 0;
			if (i == DEED_COUNT - 1 && walls[wall].role == SANDBOX_PARENT)
				results[i] = EPERM;
			else
				results[i] = deeds[i].act() == 0 ? 0 : errno;
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_walls(void **state)
{
	int *results = mmap(NULL, sizeof(int) * DEED_COUNT, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned wrong = 0;

	(void)state;
	assert_ptr_not_equal(results, MAP_FAILED);
	for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++) {
		try_deeds(i, results);
		for (size_t j = 0; j < DEED_COUNT; j++) {
			bool may = (deeds[j].may & 1u << walls[i].role) != 0;
			bool refused = results[j] == EPERM || results[j] == EACCES || results[j] == EXDEV;

			if (may ? results[j] == 0 : refused)
				continue;
			print_error("%s: %s: %s\n", walls[i].name, deeds[j].name,
			    results[j] == 0 ? "works" : strerror(results[j]));
			wrong++;
		}
	}
	munmap(results, sizeof(int) * DEED_COUNT);
	assert_int_equal(wrong, 0);
}

/* exit() runs what a program runs at its end, the leak checker for one. */
static void
test_the_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			enter_or_die(i);
			/* login and lmtp have no threads. */
			exit(walls[i].role == SANDBOX_LOGIN || walls[i].role == SANDBOX_LMTP ||
			    start_a_thread() == 0 ? 7 : 8);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -status, 7);
	}
}

/* On a kernel without Landlock the other walls stand, and the log says what is missing. */
static void
test_without_landlock(void **state)
{
	char text[300] = "";
	int status, log[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(log), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

		dup2(log[1], 2);
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
		    SCMP_SYS(landlock_create_ruleset), 0) != 0 ||
		    seccomp_load(filter) != 0)
			_exit(1);
		enter_or_die(3);
		_exit(open_socket() != 0 && write_granted() == 0 ? 0 : 2);
	}
	close(log[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(read(log[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "no-landlock"));
	close(log[0]);
}

static int
make_world(void **state)
{
	static const struct sockaddr_un anywhere = { .sun_family = AF_UNIX };
	char path[128];

	(void)state;
	strcpy(granted, "/tmp/granted.XXXXXX");
	strcpy(forbidden, "/tmp/forbidden.XXXXXX");
	if (mkdtemp(granted) == NULL || mkdtemp(forbidden) == NULL)
		return -1;
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/letter", i == 0 ? granted : forbidden);
		file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (file < 0 || write(file, "letter\n", 7) != 7)
			return -1;
	}
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(listener, (const struct sockaddr *)&anywhere, sizeof(sa_family_t)) != 0 ||
	    listen(listener, 1) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) != 0)
		return -1;
	other = fork();
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return other > 0 ? 0 : -1;
}

static int
end_world(void **state)
{
	static const char *const names[] = { "letter", "cur", NULL };
	char path[128];

	(void)state;
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	for (size_t i = 0; names[i] != NULL; i++) {
		snprintf(path, sizeof(path), "%s/%s", granted, names[i]);
		remove(path);
		snprintf(path, sizeof(path), "%s/%s", forbidden, names[i]);
		remove(path);
	}
	return rmdir(granted) + rmdir(forbidden);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walls),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_without_landlock),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
