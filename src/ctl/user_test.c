/* restantectl user, as it is used; the argument is the path of restantectl. */

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include <utmp.h>
#include <cmocka.h>

#include "users/password.h"
#include "users/users.h"

static char *program;
static char directory[] = "/tmp/restante-ctl-XXXXXX";
static char path[64], output_path[64], config_path[64];

/* Whom restante-auth runs as: belongs to nobody on a usual host. Root's files are given to it. */
#define AUTH_UID 20002

/* What the server is configured to be; by default one whose users need no home. */
static void
configure(const char *auth_user, const char *mail_place)
{
	FILE *file = fopen(config_path, "w");

	assert_non_null(file);
	fprintf(file, "auth_user = \"%s\"\nmail_place = \"%s\"\n", auth_user, mail_place);
	assert_int_equal(fclose(file), 0);
}

static void
configure_default(void)
{
	configure("20002", "maildir:/srv/mail/%u");
}

/* words: "add anna --uid 5". The password comes on descriptor 5 if there is one. */
static void
run_child(const char *words, const char *password)
{
	char text[256], *save = NULL;
	char *arguments[24] = { program, "-c", config_path,
		"user", "-f", path };
	size_t count = 6;
	int ends[2];

	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		arguments[count++] = w;
	if (password != NULL) {
		if (pipe(ends) < 0 || write(ends[1], password, strlen(password)) < 0)
			_exit(126);
		close(ends[1]);
		dup2(ends[0], 5);
		arguments[count++] = "--password-fd";
		arguments[count++] = "5";
	}
	execv(program, arguments);
	_exit(127);
}

/* The exit status. What it wrote is in the file output_path. */
static int
run(const char *words, const char *password)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int output = open(output_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(output, 1);
		dup2(output, 2);
		setsid();	/* no terminal */
		run_child(words, password);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *
read_text(const char *name)
{
	static char text[8192];
	FILE *file = fopen(name, "r");
	size_t size = 0;

	if (file != NULL) {
		size = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[size] = '\0';
	return text;
}

/* The user as the file has it now; the caller frees the table. */
static const struct user *
find(struct users **users, const char *name)
{
	struct error error;

	assert_int_equal(users_read(users, path, NULL, NULL, &error), 0);
	return users_find(*users, name);
}

static void
test_commands(void **state)
{
	static const struct {
		const char *words, *password;
		int status;
		const char *output;	/* a part of it */
	} cases[] = {
		{ "", NULL, EX_USAGE, "usage:" },
		{ "--help", NULL, EX_OK, "usage:" },
		{ "dance", NULL, EX_USAGE, "usage:" },
		{ "add", NULL, EX_USAGE, "usage:" },
		{ "add anna bert", NULL, EX_USAGE, "usage:" },
		{ "list anna", NULL, EX_USAGE, "usage:" },
		{ "list --frob", NULL, EX_USAGE, "usage:" },
		{ "list --password-fd x", NULL, EX_USAGE, "usage:" },
		{ "list", NULL, EX_TEMPFAIL, "users" },		/* there is no file yet */
		{ "passwd anna", "secret\n", EX_NOUSER, "no user anna" },
		{ "delete anna", NULL, EX_DATAERR, "users" },
		{ "add anna --uid 5000", NULL, EX_DATAERR, "--password-fd" },	/* no terminal */
		{ "add anna --uid 5000", "", EX_DATAERR, "no password" },
		{ "add anna --uid 5000", "\n", EX_DATAERR, "empty" },
		{ "add anna --uid 0", "secret\n", EX_DATAERR, "root" },
		{ "add anna --uid no-such-user", "secret\n", EX_DATAERR, "no-such-user" },
		{ "add anna --uid 5000 --gid no-such-group", "secret\n", EX_DATAERR, "no-such-group" },
		{ "add anna --uid 5000 --home relative", "secret\n", EX_DATAERR, "home" },
		{ "add anna --uid 5000 --scheme SSHA", "secret\n", EX_DATAERR, "SSHA" },
		{ "add ../anna --uid 5000", "secret\n", EX_DATAERR, "path" },
		{ "add an:na --uid 5000", "secret\n", EX_DATAERR, "':'" },
		{ "add anna --uid 5000 --gid 5001 --home /srv/anna/", "secret\nmore", EX_OK,
		    "anna: uid 5000, gid 5001, home /srv/anna/" },
		{ "add anna --uid 5000", "secret\n", EX_CANTCREAT, "exists" },
		{ "add bert@example.org --uid 5000 --scheme plain", "a b ", EX_OK, "APOP" },
		{ "add carl --uid 5000 --scheme PLAIN", "a:b\n", EX_DATAERR, "colon" },
		{ "list", NULL, EX_OK, "anna\t5000\t5001\t/srv/anna\t{CRYPT}$y$\t-\n"
				       "bert@example.org\t5000\t5000\t-\t{PLAIN}\t-\n" },
		{ "check anna", "secret\n", EX_OK, "right" },
		{ "check anna", "sekret\n", EX_NOPERM, "wrong" },
		{ "check nobody", "x\n", EX_NOUSER, "no user nobody" },
		{ "check bert@example.org", "a b \n", EX_OK, "right" },
		{ "passwd anna --scheme BLF-CRYPT", "new\n", EX_OK, "" },
		{ "check anna", "new\n", EX_OK, "right" },
		{ "passwd nobody", "x\n", EX_NOUSER, "no user nobody" },
		{ "delete nobody", NULL, EX_NOUSER, "no user nobody" },
		{ "delete bert@example.org", NULL, EX_OK, "" },
		{ "list", NULL, EX_OK, "anna\t5000\t5001\t/srv/anna\t{BLF-CRYPT}$2y$\t-\n" },
	};
	struct users *users;
	const struct user *user;
	struct stat status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int result = run(cases[i].words, cases[i].password);

		print_message("%s: %d %s\n", cases[i].words, result, read_text(output_path));
		assert_int_equal(result, cases[i].status);
		assert_non_null(strstr(read_text(output_path), cases[i].output));
	}
	user = find(&users, "anna");
	assert_int_equal(users_count(users), 1);
	assert_true(password_verify(user->password, "new"));
	users_free(users);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	unlink(path);
}

static void
test_defaults(void **state)
{
	struct users *users;
	const struct user *user;

	(void)state;
	/* Whoever exists in the system has a uid, a gid and a home. */
	assert_int_equal(run("add games", "secret\n"), EX_OK);
	user = find(&users, "games");
	assert_int_equal(user->uid, 5);
	assert_int_equal(user->gid, 60);
	assert_string_equal(user->home, "/usr/games");
	users_free(users);

	/* For others an ordinary user's own are right; root has to say. */
	if (geteuid() == 0) {
		assert_int_equal(run("add no-such-user", "secret\n"), EX_DATAERR);
		assert_non_null(strstr(read_text(output_path), "--uid"));
		assert_int_equal(run("add root", "secret\n"), EX_DATAERR);
	} else {
		assert_int_equal(run("add no-such-user", "secret\n"), EX_OK);
		user = find(&users, "no-such-user");
		assert_int_equal(user->uid, geteuid());
		users_free(users);
	}

	/* A name stands for its uid and its group. */
	assert_int_equal(run("add named --uid games", "secret\n"), EX_OK);
	user = find(&users, "named");
	assert_int_equal(user->uid, 5);
	assert_int_equal(user->gid, 60);
	assert_string_equal(user->home, "");
	users_free(users);
	unlink(path);
}

/* What mail_place is made of must be there: said before a password is asked for. */
static void
test_homes(void **state)
{
	static const struct {
		const char *place, *words;
		int status;
		const char *output;
	} cases[] = {
		{ "maildir:%h/Maildir", "add anna --uid 5000", EX_DATAERR,
		    "anna needs a home: say with --home where it is" },
		{ "maildir:%h/Maildir", "add anna --uid 5000", EX_DATAERR,
		    "conf:2: mail_place = \"maildir:%h/Maildir\"" },
		{ "maildir:%h/Maildir", "add anna --uid 5000 --home /srv/anna", EX_OK, "/srv/anna" },
		{ "maildir:%h/Maildir", "list", EX_OK, "anna" },
		{ "maildir:%h/Maildir", "check", EX_OK, "0 problems" },
		{ "maildir:/srv/mail/%u", "add bert --uid 5000", EX_OK, "home none" },
		{ "maildir:/srv/mail/%u", "check", EX_OK, "2 users, 0 problems" },
		{ "maildir:%h/Maildir", "list", EX_OK, "users:2: bert has no home and cannot log in" },
		{ "maildir:%h/Maildir", "check", EX_DATAERR,
		    "users:2: bert has no home and cannot log in" },
		{ "maildir:%h/Maildir", "check", EX_DATAERR, "2 users, 1 problems" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		configure("20002", cases[i].place);
		assert_int_equal(run(cases[i].words, "secret\n"), cases[i].status);
		assert_non_null(strstr(read_text(output_path), cases[i].output));
	}
	unlink(path);
	configure_default();
}

/* Nobody can log in if restante-auth cannot read the file: whoever makes it so is told. */
static void
test_a_file_that_auth_cannot_read(void **state)
{
	static const char no_user[] = "nobody can log in: restante-auth runs as auth_user = "
				      "`no-such-user`, and there is no such user";
	struct stat status;

	(void)state;
	if (geteuid() != 0)
		skip();
	configure("no-such-user", "maildir:/srv/mail/%u");
	assert_int_equal(run("add anna --uid 5000", "secret\n"), EX_OK);
	assert_non_null(strstr(read_text(output_path), no_user));
	assert_non_null(strstr(read_text(output_path), "chown no-such-user: "));
	assert_int_equal(run("check", NULL), EX_DATAERR);
	assert_non_null(strstr(read_text(output_path), no_user));
	/* The user is there now, and the file is root's still. */
	configure_default();
	assert_int_equal(run("passwd anna", "secret\n"), EX_OK);
	assert_non_null(strstr(read_text(output_path), "cannot read it (Permission denied); do: chown"));
	assert_int_equal(run("check", NULL), EX_DATAERR);
	assert_int_equal(chown(path, AUTH_UID, AUTH_UID), 0);
	assert_int_equal(run("check", NULL), EX_OK);
	assert_int_equal(chmod(directory, 0700), 0);
	assert_int_equal(run("check", NULL), EX_DATAERR);
	assert_non_null(strstr(read_text(output_path), "the directories above it must let it pass"));
	assert_int_equal(chmod(directory, 0711), 0);
	unlink(path);
	/* What root makes belongs to whoever has to read it. */
	assert_int_equal(run("add anna --uid 5000", "secret\n"), EX_OK);
	assert_null(strstr(read_text(output_path), "warning"));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, AUTH_UID);
	unlink(path);
}

static void
test_checking_the_file(void **state)
{
	FILE *file;

	(void)state;
	assert_int_equal(run("check", NULL), EX_DATAERR);
	assert_non_null(strstr(read_text(output_path), "`restantectl user add NAME` makes it"));
	file = fopen(path, "w");
	fputs("# fine\nanna:{PLAIN}x:5000:5000\nbert:{PLAIN}hidden:vmail:5000\nanna:{PLAIN}y:1:1\n"
	      "carl:{PLAIN}x:0:0\n../dora:{PLAIN}x:1:1\n", file);
	fclose(file);
	chmod(path, 0644);
	assert_true(geteuid() != 0 || chown(path, AUTH_UID, AUTH_UID) == 0);
	assert_int_equal(run("check", NULL), EX_DATAERR);
	assert_non_null(strstr(read_text(output_path), "users:3: the third field, uid"));
	assert_non_null(strstr(read_text(output_path), "users:4: the user is there already"));
	assert_non_null(strstr(read_text(output_path), "users:5: root cannot"));
	assert_non_null(strstr(read_text(output_path), "users:6: the name"));
	assert_non_null(strstr(read_text(output_path), "others can read"));
	assert_null(strstr(read_text(output_path), "hidden"));
	assert_int_equal(run("delete bert", NULL), EX_OK);
	assert_int_equal(run("delete carl", NULL), EX_OK);
	assert_int_equal(run("delete ../dora", NULL), EX_OK);
	assert_int_equal(run("delete anna", NULL), EX_OK);
	assert_string_equal(read_text(path), "# fine\n");
	assert_int_equal(run("check", NULL), EX_OK);
	unlink(path);
}

/* Reads what the program writes to its terminal until it holds that text. */
static void
read_until(int terminal, char *seen, size_t size, const char *text)
{
	while (strstr(seen, text) == NULL) {
		size_t used = strlen(seen);
		ssize_t n = read(terminal, seen + used, size - used - 1);

		assert_true(n > 0);
		seen[used + (size_t)n] = '\0';
	}
}

/* A root that is a mere directory may have no /dev/pts. */
static void
skip_without_terminals(void)
{
	int terminal, slave;

	if (openpty(&terminal, &slave, NULL, NULL, NULL) != 0)
		skip();
	close(terminal);
	close(slave);
}

static int
add_at_terminal(const char *first, const char *second, char *seen, size_t size)
{
	int terminal, status;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	if (pid == 0)
		run_child("add anna --uid 5000", NULL);
	*seen = '\0';
	read_until(terminal, seen, size, "New password of anna: ");
	dprintf(terminal, "%s\n", first);
	read_until(terminal, seen, size, "Once more, the password of anna: ");
	dprintf(terminal, "%s\n", second);
	for (;;) {
		size_t used = strlen(seen);
		ssize_t n = read(terminal, seen + used, size - used - 1);

		if (n <= 0)	/* EIO: the other side is closed */
			break;
		seen[used + (size_t)n] = '\0';
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(terminal);
	return WEXITSTATUS(status);
}

static void
test_a_terminal(void **state)
{
	const struct user *user;
	struct users *users;
	char seen[4096];

	(void)state;
	skip_without_terminals();
	assert_int_equal(add_at_terminal("secret", "sekret", seen, sizeof(seen)), EX_DATAERR);
	assert_non_null(strstr(seen, "differ"));
	assert_null(strstr(seen, "secret"));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(add_at_terminal("secret", "secret", seen, sizeof(seen)), EX_OK);
	assert_null(strstr(seen, "secret"));
	user = find(&users, "anna");
	assert_true(password_verify(user->password, "secret"));
	users_free(users);
	unlink(path);
}

/* Ctrl-C ends it, and the terminal echoes again. */
static void
test_an_interrupt(void **state)
{
	struct termios modes;
	char seen[4096] = "";
	int terminal, slave, status;
	pid_t pid;

	(void)state;
	skip_without_terminals();
	assert_int_equal(openpty(&terminal, &slave, NULL, NULL, NULL), 0);
	pid = fork();
	if (pid == 0) {
		close(terminal);
		login_tty(slave);
		run_child("add anna --uid 5000", NULL);
	}
	read_until(terminal, seen, sizeof(seen), "New password of anna: ");
	assert_int_equal(tcgetattr(slave, &modes), 0);
	assert_int_equal(modes.c_lflag & ECHO, 0);
	dprintf(terminal, "sec\003");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	assert_int_equal(tcgetattr(slave, &modes), 0);
	assert_int_not_equal(modes.c_lflag & ECHO, 0);
	close(terminal);
	close(slave);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL || chmod(directory, 0711) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/users", directory);
	snprintf(config_path, sizeof(config_path), "%s/conf", directory);
	configure_default();
	snprintf(output_path, sizeof(output_path), "%s/output", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(config_path);
	unlink(output_path);
	return rmdir(directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_homes),
		cmocka_unit_test(test_a_file_that_auth_cannot_read),
		cmocka_unit_test(test_checking_the_file),
		cmocka_unit_test(test_a_terminal),
		cmocka_unit_test(test_an_interrupt),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: ctl_user_test restantectl\n");
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
