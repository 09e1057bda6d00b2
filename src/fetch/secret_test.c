/*
 * Each source of a password, with what it gives and what is said when it gives none. libsecret is a file
 * that this test has compiled for it: see fake_libsecret.c.
 */

#include <fcntl.h>
#include <linux/keyctl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "fetch/secret.h"
#include "fetch/secret_command.h"
#include "fetch/secret_keyring.h"

static char directory[] = "/tmp/secret_test_XXXXXX";

static struct account
account_with(enum account_secret kind, const char *value)
{
	struct account account;

	account_defaults(&account, "a");
	snprintf(account.host, sizeof(account.host), "pop.example.org");
	snprintf(account.user, sizeof(account.user), "anna");
	account.secret = kind;
	snprintf(account.secret_value, sizeof(account.secret_value), "%s", value);
	return account;
}

static void
file_make(char path[PATH_SIZE], const char *name, const char *text, mode_t mode)
{
	FILE *file;

	snprintf(path, PATH_SIZE, "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* text: of the password, or of the error behind "account a: ". The buffer is 16 octets. */
static void
expect(const struct account *account, int result, const char *text)
{
	char buffer[16] = "untouched";
	struct error error = { .kind = ERROR_NONE };

	if (account_password(account, buffer, sizeof(buffer), &error) != result)
		fail_msg("%s: %s", account->secret_value, error.text);
	if (result == 0) {
		assert_string_equal(buffer, text);
		return;
	}
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_memory_equal(error.text, "account a: ", 11);
	assert_string_equal(error.text + 11, text);
	for (size_t i = 0; i < sizeof(buffer); i++)
		assert_int_equal(buffer[i], 0);
}

static const struct {
	const char *command;
	int result;
	const char *text;
} commands[] = {
	{ "echo secret", 0, "secret" },
	{ "printf secret", 0, "secret" },
	{ "printf 'secret\\nmore\\n'", 0, "secret" },
	{ "echo secret; seq 100000", 0, "secret" },
	{ "echo ' s p '", 0, " s p " },
	{ "echo 123456789012345", 0, "123456789012345" },
	{ "printf 'no end\\0'", -1, "the command for the password printed NUL" },
	{ "echo 1234567890123456", -1, "the command for the password printed a line of more than 15 octets" },
	{ "true", -1, "the command for the password printed nothing in its first line" },
	{ "echo; echo secret", -1, "the command for the password printed nothing in its first line" },
	{ "echo secret; exit 3", -1, "the command for the password failed with exit status 3" },
	{ "echo secret; kill -9 $$", -1, "the command for the password was ended by signal 9" },
	{ "no-such-command-anywhere 2>/dev/null", -1,
	    "the command for the password was not found (exit status 127)" },
	/* The signal that the caller ignores is not ignored there. */
	{ "kill -PIPE $$; echo secret", -1, "the command for the password was ended by signal 13" },
	/* What it leaves running keeps its output open, and nobody waits for that. */
	{ "sleep 1000 & echo $! >$D/pid; echo secret", 0, "secret" },
};

static void
test_command(void **state)
{
	char path[PATH_SIZE];
	FILE *file;
	int left = 0;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	setenv("D", directory, 1);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct account account = account_with(ACCOUNT_SECRET_COMMAND, commands[i].command);

		expect(&account, commands[i].result, commands[i].text);
	}
	snprintf(path, sizeof(path), "%s/pid", directory);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &left), 1);
	fclose(file);
	assert_int_equal(kill(left, SIGKILL), 0);
}

/* A command that never ends is ended. */
static void
test_command_limit(void **state)
{
	char buffer[16];
	struct error error;

	(void)state;
	assert_int_equal(secret_command("echo secret; exec sleep 1000", "the password", NULL, 1, buffer,
			     sizeof(buffer), &error),
	    -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_string_equal(error.text, "the command for the password took more than 1 seconds");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
test_file(void **state)
{
	char path[PATH_SIZE], text[PATH_SIZE * 2 + 128];
	struct account account;

	(void)state;
	file_make(path, "f", "secret\r\nmore\n", 0600);
	account = account_with(ACCOUNT_SECRET_FILE, path);
	expect(&account, 0, "secret");
	chmod(path, 0400);
	expect(&account, 0, "secret");
	chmod(path, 0604);
	snprintf(text, sizeof(text), "others can read %s (mode 0604); run: chmod 600 %s", path, path);
	expect(&account, -1, text);
	file_make(path, "f", "\nsecret\n", 0600);
	snprintf(text, sizeof(text), "the first line of %s is empty; a password belongs there", path);
	expect(&account, -1, text);
	file_make(path, "f", "1234567890123456", 0600);
	snprintf(text, sizeof(text), "the first line of %s has more than 15 octets", path);
	expect(&account, -1, text);
	unlink(path);
	snprintf(text, sizeof(text), "%s: No such file or directory", path);
	expect(&account, -1, text);
	if (getuid() != 0)
		return;
	file_make(path, "f", "secret\n", 0600);
	assert_int_equal(chown(path, 12345, 12345), 0);
	snprintf(text, sizeof(text), "%s belongs to somebody else, who knows what is in it", path);
	expect(&account, -1, text);
}

static void
test_text(void **state)
{
	struct account account = account_with(ACCOUNT_SECRET_TEXT, "secret");

	(void)state;
	expect(&account, 0, "secret");
	account = account_with(ACCOUNT_SECRET_TEXT, "1234567890123456");
	expect(&account, -1, "the password is longer than 15 octets");
}

/* One line for each that asks, and nothing behind it is taken. */
static void
test_descriptor(void **state)
{
	struct account account;
	char number[16];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "one\ntwo\n", 8), 8);
	close(ends[1]);
	snprintf(number, sizeof(number), "%d", ends[0]);
	account = account_with(ACCOUNT_SECRET_FD, number);
	expect(&account, 0, "one");
	expect(&account, 0, "two");
	expect(&account, -1, "there is no password to read");
	close(ends[0]);
	expect(&account, -1, "cannot read the password: Bad file descriptor");
}

static void
test_credential(void **state)
{
	struct account account = account_with(ACCOUNT_SECRET_CREDENTIAL, "mail");
	char path[PATH_SIZE], text[PATH_SIZE * 2 + 128];

	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	expect(&account, -1,
	    "there are no credentials; systemd hands `mail` only to a service that has LoadCredential=");
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	snprintf(text, sizeof(text), "%s/mail: No such file or directory", directory);
	expect(&account, -1, text);
	/* As systemd shows the mode of a file with an access list. */
	file_make(path, "mail", "secret\n", 0440);
	expect(&account, 0, "secret");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
test_netrc(void **state)
{
	struct account account;
	char path[PATH_SIZE], text[PATH_SIZE * 2 + 128];

	(void)state;
	file_make(path, "netrc", "machine pop.example.org login anna password secret\n", 0600);
	account = account_with(ACCOUNT_SECRET_NETRC, path);
	expect(&account, 0, "secret");
	snprintf(account.user, sizeof(account.user), "bert");
	snprintf(text, sizeof(text), "%s has no password for bert at pop.example.org", path);
	expect(&account, -1, text);
	/* The usual places, where nothing else is said. */
	account = account_with(ACCOUNT_SECRET_NONE, "");
	setenv("NETRC", path, 1);
	expect(&account, 0, "secret");
	unsetenv("NETRC");
	setenv("HOME", directory, 1);
	file_make(path, ".netrc", "machine pop.example.org login anna password other\n", 0600);
	expect(&account, 0, "other");
	chmod(path, 0640);
	snprintf(text, sizeof(text), "others can read %s (mode 0640); run: chmod 600 %s", path, path);
	expect(&account, -1, text);
	/* One that has nothing for this account may be as it likes. Nobody to ask: standard input is no terminal. */
	file_make(path, ".netrc", "machine other login anna password other\n", 0644);
	expect(&account, -1,
	    "nothing says where its password is, and there is nobody to ask; set password_command or another "
	    "way of "
	    "restante-config(5)");
	unlink(path);
	expect(&account, -1,
	    "nothing says where its password is, and there is nobody to ask; set password_command or another "
	    "way of "
	    "restante-config(5)");
}

/* In a session of its own, whose terminal is the other end of ours. */
static void
asked(void)
{
	struct account account = account_with(ACCOUNT_SECRET_NONE, "");
	char buffer[16];
	struct error error;

	setenv("HOME", "/nonexistent", 1);
	_exit(account_password(&account, buffer, sizeof(buffer), &error) == 0 && strcmp(buffer, "secret") == 0
		  ? 0
		  : 1);
}

static void
test_terminal(void **state)
{
	char text[256] = "";
	size_t used = 0;
	int terminal, status;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);
	ssize_t n;

	(void)state;
	if (child == 0)
		asked();
	/* The question comes when the echo is off. */
	while (strchr(text, ':') == NULL && (n = read(terminal, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	assert_memory_equal(text, "Password of anna at pop.example.org:", 36);
	assert_int_equal(write(terminal, "secret\n", 7), 7);
	while ((n = read(terminal, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_null(strstr(text, "secret"));
	close(terminal);
}

static void
test_kernel_keyring(void **state)
{
	struct account account = account_with(ACCOUNT_SECRET_KEYRING, "kernel:restante-test");
	long key;

	(void)state;
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		skip();
	expect(&account, -1,
	    "the kernel's keyring has no key `restante-test`; make it with: keyctl padd user restante-test @u");
	key = syscall(SYS_add_key, "user", "restante-test", "secret\n", 7, KEY_SPEC_SESSION_KEYRING);
	assert_true(key > 0);
	expect(&account, 0, "secret");
	assert_int_equal(syscall(SYS_keyctl, KEYCTL_UPDATE, key, "1234567890123456", 16), 0);
	expect(&account, -1, "key `restante-test` of the kernel's keyring is no password");
	assert_int_equal(syscall(SYS_keyctl, KEYCTL_UPDATE, key, "a\0b", 3), 0);
	expect(&account, -1, "key `restante-test` of the kernel's keyring is no password");
}

/* The file that the fake keeps its one item in: service, user and secret, a line each. */
static void
test_desktop_keyring(void **state)
{
	struct account account = account_with(ACCOUNT_SECRET_KEYRING, "desktop:mail");
	struct error error;
	char path[PATH_SIZE];

	(void)state;
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("XDG_RUNTIME_DIR");
	assert_false(desktop_keyring_is_there());
	expect(&account, -1,
	    "there is no desktop session here whose keyring could be asked; a timer of systemd has one only "
	    "while its "
	    "user is logged in");
	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent", 1);
	assert_true(desktop_keyring_is_there());
	snprintf(path, sizeof(path), "%s/keyring", directory);
	setenv("FAKE_LIBSECRET", path, 1);
	expect(&account, -1,
	    "the desktop's keyring has no such password; store it with: secret-tool store --label=Mail "
	    "service mail user anna");
	assert_int_equal(desktop_keyring_store("mail", "anna", "a label", "secret", &error), 0);
	expect(&account, 0, "secret");
	snprintf(account.user, sizeof(account.user), "bert");
	expect(&account, -1,
	    "the desktop's keyring has no such password; store it with: secret-tool store --label=Mail "
	    "service mail user bert");
	snprintf(account.user, sizeof(account.user), "anna");
	assert_int_equal(desktop_keyring_store("mail", "anna", "a label", "1234567890123456", &error), 0);
	expect(&account, -1, "the password in the desktop's keyring has more than 15 octets");
	setenv("FAKE_LIBSECRET", "locked", 1);
	expect(&account, -1, "the desktop's keyring: it is locked");
	assert_int_equal(desktop_keyring_store("mail", "anna", "a label", "x", &error), -1);
	assert_string_equal(error.text, "the desktop's keyring: it is locked");
}

/* The command of a token hears that the one before was refused. */
static void
test_token_command(void **state)
{
	struct account account = account_with(ACCOUNT_SECRET_NONE, "");
	char buffer[64];
	struct error error;

	(void)state;
	assert_false(account_has_token(&account));
	snprintf(account.token_command, sizeof(account.token_command), "echo ${RESTANTE_TOKEN_REFUSED-0}");
	assert_true(account_has_token(&account));
	assert_int_equal(account_token(&account, directory, false, buffer, sizeof(buffer), &error), 0);
	assert_string_equal(buffer, "0");
	assert_int_equal(account_token(&account, directory, true, buffer, sizeof(buffer), &error), 0);
	assert_string_equal(buffer, "1");
	snprintf(account.token_command, sizeof(account.token_command), "false");
	assert_int_equal(account_token(&account, directory, false, buffer, sizeof(buffer), &error), -1);
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_string_equal(error.text, "account a: the command for the token failed with exit status 1");
}

/* cmocka does not count what a teardown finds. */
static int
clean(void)
{
	static const char *const names[] = { "f", "mail", "netrc", ".netrc", "keyring", "pid" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_command_limit),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_netrc),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_kernel_keyring),
		cmocka_unit_test(test_desktop_keyring),
		cmocka_unit_test(test_token_command),
	};
	int nothing = open("/dev/null", O_RDONLY), failed;

	if (mkdtemp(directory) == NULL || nothing < 0)
		return 1;
	dup2(nothing, STDIN_FILENO);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return clean() != 0 ? 1 : failed;
}
