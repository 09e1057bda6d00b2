/*
 * The parent with fake children (fake_child.c): starting, restarting, whose maildrop is refused,
 * reload, reports, stopping. Arguments: restanted and the fake child.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/channel.h"

#define HANG_SECONDS 120 /* not a promise: a test that waits for ever is ended */

static char *restanted, *fake_child;
static char directory[] = "/tmp/parent_test_XXXXXX";

static struct server {
	pid_t pid;
	int notify;
	uint16_t port;
} server;

static char *
in_directory(const char *name)
{
	static char path[4][256];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
	return path[turn];
}

static uint16_t
free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(descriptor, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
	close(descriptor);
	return ntohs(address.sin_port);
}

static void
configure(const char *more, uint16_t port)
{
	FILE *file = fopen(in_directory("conf"), "w");

	assert_non_null(file);
	fprintf(file,
	    "run_directory = %s/run\nusers_file = /etc/users\nlogin_user = 12346\nauth_user = "
	    "12347\n"
	    "login_processes = 2\nstop_grace_seconds = 60\n%s\n"
	    "listener test {\n address = 127.0.0.1\n port = %u\n}\n",
	    directory, more, port);
	assert_int_equal(fclose(file), 0);
}

/* Waits for a line of sd_notify that begins so. */
static void
await_notice(const char *beginning)
{
	char text[512];
	ssize_t length;

	do {
		struct pollfd polled = { .fd = server.notify, .events = POLLIN };

		while (poll(&polled, 1, 500) == 0)
			if (waitpid(server.pid, NULL, WNOHANG) != 0)
				fail_msg("restanted has ended; its log is in %s", directory);
		length = recv(server.notify, text, sizeof(text) - 1, 0);
		assert_true(length > 0);
		text[length] = '\0';
	} while (strncmp(text, beginning, strlen(beginning)) != 0);
}

static void
start(const char *more)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	server.port = free_port();
	configure(more, server.port);
	server.notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", directory);
	unlink(address.sun_path);
	assert_int_equal(bind(server.notify, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	server.pid = fork();
	if (server.pid == 0) {
		int log = open(in_directory("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(log, 2);
		execl(restanted, "restanted", "-c", in_directory("conf"), "--programs", directory,
		    NULL);
		_exit(127);
	}
	await_notice("READY=1");
}

static int
stop(void)
{
	int status;

	kill(server.pid, SIGTERM);
	await_notice("STOPPING=1");
	assert_int_equal(waitpid(server.pid, &status, 0), server.pid);
	close(server.notify);
	assert_int_equal(access(in_directory("run/control"), F_OK), -1);
	assert_int_equal(access(in_directory("lmtp"), F_OK), -1);
	return status;
}

static int
setup(void **state)
{
	(void)state;
	start("");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return stop();
}

static const char *
talk_to(const struct sockaddr *address, socklen_t size, const char *line)
{
	static char answer[256];
	int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t length = -1;

	if (connect(descriptor, address, size) == 0 && write(descriptor, line, strlen(line)) > 0)
		length = read(descriptor, answer, sizeof(answer) - 1);
	close(descriptor);
	answer[length > 0 ? length : 0] = '\0';
	return answer;
}

/* What a client that says line is answered; "" if the connection was closed. */
static const char *
talk(const char *line)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(server.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return talk_to((struct sockaddr *)&address, sizeof(address), line);
}

/* The same on the socket for LMTP; "" also if there is none. */
static const char *
talk_lmtp(const char *line)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/lmtp", directory);
	return talk_to((struct sockaddr *)&address, sizeof(address), line);
}

/* A new connection may meet a process that is being ended: ask until somebody answers. */
static pid_t
login_pid(uint32_t *slot, uint32_t *generation)
{
	int pid;

	unsigned uid;

	while (sscanf(talk("who\n"), "%d %u %u %u", &pid, slot, generation, &uid) != 4)
		usleep(10000);
	assert_int_equal(uid, geteuid() == 0 ? 12346 : geteuid());
	return pid;
}

/* A session in a maildrop process of ours: its pid, or -1. */
static pid_t
open_maildrop(unsigned uid, unsigned gid, const char *root)
{
	char line[128];
	unsigned runs_as;
	int pid;

	snprintf(line, sizeof(line), "start %u %u %s", uid, gid, root);
	if (sscanf(talk(line), "granted %d %u", &pid, &runs_as) != 2)
		return -1;
	assert_int_equal(runs_as, uid);
	return pid;
}

static unsigned
mail_uid(void)
{
	return geteuid() == 0 ? 12345 : geteuid();
}

static void
test_each_slot_listens(void **state)
{
	uint32_t slot, generation;
	bool seen[2] = { false, false };

	(void)state;
	while (!seen[0] || !seen[1]) {
		login_pid(&slot, &generation);
		assert_true(slot < 2);
		assert_int_equal(generation, 1);
		seen[slot] = true;
	}
}

static void
test_dead_login_is_restarted(void **state)
{
	uint32_t slot, other_slot, generation;
	pid_t first, other;

	(void)state;
	first = login_pid(&slot, &generation);
	kill(first, SIGKILL);
	do {
		other = login_pid(&other_slot, &generation);
		usleep(1000);
	} while (other == first || other_slot != slot);
}

static void
test_maildrops(void **state)
{
	pid_t first;

	(void)state;
	first = open_maildrop(mail_uid(), mail_uid(), "/srv/a");
	assert_true(first > 0);
	assert_string_equal(talk("start 0 0 /srv/a"), "refused permanent\n");
	assert_string_equal(talk("start 65534 65534 /srv/a"), "refused permanent\n");
	assert_string_equal(talk("start 999999 999999 /srv/a"), "refused permanent\n");
	/* Asked again: the one that runs is on its way out, and another is started. */
	assert_true(open_maildrop(mail_uid(), mail_uid(), "/srv/a") != first);
	assert_int_equal(kill(first, 0), 0);
}

/* auth dies: sessions in maildrop processes stay, and the new auth is joined to the ring. */
static void
test_dead_auth_is_restarted(void **state)
{
	char children[64], line[32];
	FILE *file;
	pid_t maildrop = open_maildrop(mail_uid(), mail_uid(), "/srv/a"), again;

	(void)state;
	assert_true(maildrop > 0);
	snprintf(children, sizeof(children), "/proc/%d/task/%d/children", server.pid, server.pid);
	file = fopen(children, "r");
	if (file == NULL)
		skip();
	/* The first child is auth: it is started first. */
	assert_int_equal(fscanf(file, "%31s", line), 1);
	fclose(file);
	kill(atoi(line), SIGKILL);
	while ((again = open_maildrop(mail_uid(), mail_uid(), "/srv/a")) < 0)
		usleep(10000);
	assert_int_equal(again, maildrop);
}

static struct ipc_ctl_result
ask(enum ipc_type type, const void *body, size_t *rows)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ipc_channel channel;
	struct ipc_message message;
	struct error error;
	int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/control", directory);
	assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
	channel_open(&channel, descriptor, IPC_CTL, IPC_PARENT);
	assert_int_equal(channel_send(&channel, type, body, -1, &error), 0);
	*rows = 0;
	while ((status = channel_receive(&channel, &message, &error)) >= 0) {
		if (status == 0) {
			poll(&(struct pollfd){ .fd = descriptor, .events = POLLIN }, 1, -1);
		} else if (message.type == IPC_CTL_RESULT) {
			channel_close(&channel);
			return message.body.ctl_result;
		} else {
			assert_int_equal(message.type, IPC_CTL_ROW);
			++*rows;
		}
	}
	fail_msg("no result: %s", error.text);
	abort();
}

static void
test_reports(void **state)
{
	struct ipc_ctl_report counts = { .kind = IPC_REPORT_COUNTS };
	struct ipc_ctl_report sessions = { .kind = IPC_REPORT_SESSIONS };
	struct ipc_ctl_kick kick = { .user = "anna" }, nobody = { .session = 0 };
	struct stat status;
	size_t rows;

	(void)state;
	assert_int_equal(stat(in_directory("run/control"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(open_maildrop(mail_uid(), mail_uid(), "/srv/a") > 0);
	/* parent, auth, two logins, one maildrop; each of the last four has a row of its own too */
	assert_int_equal(ask(IPC_CTL_REPORT, &counts, &rows).failed, 0);
	assert_int_equal(rows, 9);
	assert_int_equal(ask(IPC_CTL_REPORT, &sessions, &rows).number, 4);
	assert_int_equal(rows, 4);
	/* auth has no sessions to end */
	assert_int_equal(ask(IPC_CTL_KICK, &kick, &rows).number, 3);
	assert_int_equal(ask(IPC_CTL_KICK, &nobody, &rows).failed, 1);
}

static void
test_bad_reload_keeps(void **state)
{
	uint32_t slot, generation;
	struct ipc_ctl_result result;
	size_t rows;

	(void)state;
	configure("idle_timout = 3", server.port);
	result = ask(IPC_CTL_RELOAD, NULL, &rows);
	assert_int_equal(result.failed, 1);
	assert_non_null(strstr(result.text, "conf:7: unknown key `idle_timout`"));
	/* What only restante-login can see. */
	configure("hostname = bad.example", server.port);
	result = ask(IPC_CTL_RELOAD, NULL, &rows);
	assert_int_equal(result.failed, 1);
	assert_non_null(strstr(result.text, "the certificate is bad"));
	login_pid(&slot, &generation);
	assert_int_equal(generation, 1);
}

static void
test_good_reload(void **state)
{
	uint32_t slot, generation = 1;
	uint16_t old = server.port;
	pid_t before = login_pid(&slot, &generation), after;
	uint32_t slot_before = slot;
	size_t rows;

	(void)state;
	server.port = free_port();
	configure("", server.port);
	assert_int_equal(ask(IPC_CTL_RELOAD, NULL, &rows).failed, 0);
	do
		after = login_pid(&slot, &generation);
	while (slot != slot_before);
	assert_int_equal(after, before);
	assert_int_equal(generation, 2);
	/* The old port is closed once each login has been told. */
	server.port = old;
	while (talk("who\n")[0] != '\0')
		usleep(10000);
}

static void
test_reload_by_signal(void **state)
{
	(void)state;
	configure("login_processes_ = 3", server.port);
	kill(server.pid, SIGHUP);
	await_notice("RELOADING=1\nMONOTONIC_USEC=");
	await_notice("READY=1\nSTATUS=serving; the new configuration was refused");
	configure("", server.port);
	kill(server.pid, SIGHUP);
	await_notice("RELOADING=1");
	await_notice("READY=1");
}

#define LMTP_FORMAT                                                                                \
	"lmtp_user = 12348\nlmtp_spool_directory = %s/spool\n"                                     \
	"listener lmtp {\n protocol = lmtp\n address = %s/lmtp\n mode = 0%o\n}"

static const char *
with_lmtp(unsigned mode)
{
	static char text[512];

	snprintf(text, sizeof(text), LMTP_FORMAT, directory, directory, mode);
	return text;
}

static pid_t
lmtp_pid(uint32_t *slot)
{
	unsigned generation, uid;
	int pid;

	while (sscanf(talk_lmtp("who\n"), "%d %u %u %u", &pid, slot, &generation, &uid) != 4)
		usleep(10000);
	assert_int_equal(uid, geteuid() == 0 ? 12348 : geteuid());
	return pid;
}

static void
await_doors(unsigned count)
{
	unsigned doors, auth;

	while (sscanf(talk_lmtp("doors\n"), "%u %u", &doors, &auth) != 2 || doors != count || auth != 1)
		usleep(10000);
}

static int
setup_lmtp(void **state)
{
	(void)state;
	start(with_lmtp(0640));
	return 0;
}

/* One process, joined with everybody, on its own sockets and on no others. */
static void
test_lmtp(void **state)
{
	struct stat status;
	uint32_t slot;
	pid_t first, next;

	(void)state;
	assert_int_equal(stat(in_directory("lmtp"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	assert_int_equal(stat(in_directory("spool"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(status.st_uid, geteuid() == 0 ? 12348 : geteuid());
	first = lmtp_pid(&slot);
	await_doors(0);
	assert_true(open_maildrop(mail_uid(), mail_uid(), "/srv/a") > 0);
	await_doors(1);
	/* A client of POP3 never meets it. */
	for (int i = 0; i < 20; i++) {
		uint32_t generation;

		assert_true(login_pid(&slot, &generation) != first);
	}
	kill(first, SIGKILL);
	while ((next = lmtp_pid(&slot)) == first)
		usleep(1000);
	await_doors(1);
}

/* It comes and goes with its listener. */
static void
test_lmtp_comes_and_goes(void **state)
{
	struct ipc_ctl_report counts = { .kind = IPC_REPORT_COUNTS };
	struct stat status;
	uint32_t slot;
	pid_t pid;
	size_t before, rows;

	(void)state;
	(void)ask(IPC_CTL_REPORT, &counts, &before);
	assert_int_equal(access(in_directory("lmtp"), F_OK), -1);
	configure(with_lmtp(0666), server.port);
	assert_int_equal(ask(IPC_CTL_RELOAD, NULL, &rows).failed, 0);
	pid = lmtp_pid(&slot);
	assert_int_equal(stat(in_directory("lmtp"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0666);
	do
		(void)ask(IPC_CTL_REPORT, &counts, &rows);
	while (rows != before + 2);
	/* Another mode of the same socket disturbs nobody. */
	configure(with_lmtp(0600), server.port);
	assert_int_equal(ask(IPC_CTL_RELOAD, NULL, &rows).failed, 0);
	assert_int_equal(stat(in_directory("lmtp"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(lmtp_pid(&slot), pid);
	configure("", server.port);
	assert_int_equal(ask(IPC_CTL_RELOAD, NULL, &rows).failed, 0);
	assert_int_equal(access(in_directory("lmtp"), F_OK), -1);
	while (kill(pid, 0) == 0)
		usleep(10000);
	do
		(void)ask(IPC_CTL_REPORT, &counts, &rows);
	while (rows != before);
}

/* A maildrop process that cannot start: auth hears of it, and the next try waits a little. */
static void
test_crashing_maildrop(void **state)
{
	char line[64];

	(void)state;
	start("mail_place = maildir:/crash");
	snprintf(line, sizeof(line), "start %u %u /srv", mail_uid(), mail_uid());
	assert_string_equal(talk(line), "refused temporary\n");
	assert_string_equal(talk(line), "refused temporary\n");
	assert_int_equal(stop(), 0);
}

static void
test_second_server_is_refused(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int log = open(in_directory("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(log, 2);
		execl(restanted, "restanted", "-c", in_directory("conf"), "--programs", directory,
		    NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 69);
	assert_true(talk("who\n")[0] != '\0');
}

/* A restantectl that finds the users file so. */
static void
make_users_check(int status)
{
	FILE *file = fopen(in_directory("restantectl"), "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n[ \"$1 $3 $4\" = \"-c user check\" ] && exit %d\nexit 99\n", status);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(in_directory("restantectl"), 0755), 0);
}

/* restanted -t: exit status and nothing started. */
static void
test_check_only(void **state)
{
	static const struct {
		const char *more;
		int users_status, status;
	} cases[] = {
		{ "", 0, 0 },
		{ "", 65, 65 },
		{ "apop = 3", 0, 78 },
		{ "hostname = bad.example", 65, 78 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status;
		pid_t pid;

		configure(cases[i].more, free_port());
		make_users_check(cases[i].users_status);
		pid = fork();
		if (pid == 0) {
			int log = open(in_directory("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

			dup2(log, 1);
			dup2(log, 2);
			execl(restanted, "restanted", "-t", "-c", in_directory("conf"),
			    "--programs", directory, NULL);
			_exit(127);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), cases[i].status);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_only),
		cmocka_unit_test_setup_teardown(test_each_slot_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_login_is_restarted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_maildrops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_auth_is_restarted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lmtp, setup_lmtp, teardown),
		cmocka_unit_test_setup_teardown(test_lmtp_comes_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_reload_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_good_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload_by_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_server_is_refused, setup, teardown),
		cmocka_unit_test(test_crashing_maildrop),
	};
	static const char *const files[] = { "restante-login", "restante-auth", "restante-maildrop",
		"restante-lmtp", "restantectl", "spool",
		"conf", "notify", "log", "run/control", "run" };
	int status;

	if (argc < 3 || mkdtemp(directory) == NULL)
		return 1;
	restanted = realpath(argv[1], NULL);
	fake_child = realpath(argv[2], NULL);
	if (restanted == NULL || fake_child == NULL)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	alarm(HANG_SECONDS);
	for (size_t i = 0; i < 4; i++)
		if (symlink(fake_child, in_directory(files[i])) < 0)
			return 1;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	if (status != 0 && getenv("PARENT_TEST_KEEP") != NULL)
		return status;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		remove(in_directory(files[i]));
	rmdir(directory);
	free(restanted);
	free(fake_child);
	return status;
}
