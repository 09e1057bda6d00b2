/* See secret_input.h. */

#include "ctl/secret_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"

/* What may come while the echo is off. It is put right before the signal takes its course. */
static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };

#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t caught;

static void
note_signal(int number)
{
	caught = number;
}

/* signals_allowed: while it waits; NULL: as they are. */
static ssize_t
read_octet(int descriptor, char *octet, const sigset_t *signals_allowed)
{
	struct pollfd ready = { .fd = descriptor, .events = POLLIN };

	if (signals_allowed != NULL && ppoll(&ready, 1, NULL, signals_allowed) < 0)
		return -1;
	return read(descriptor, octet, 1);
}

/* One line, without its end. Reads octet by octet: what follows is not ours. */
static int
read_line(int descriptor, const sigset_t *signals_allowed, char password[PASSWORD_SIZE],
    struct error *error)
{
	size_t size = 0;
	char octet = 0;
	ssize_t n;

	while ((n = read_octet(descriptor, &octet, signals_allowed)) == 1 && octet != '\n') {
		if (octet == '\0')
			return error_set(error, ERROR_PERMANENT, "the password holds NUL");
		if (size == PASSWORD_SIZE - 1)
			return error_set(error, ERROR_PERMANENT,
			    "the password is longer than %d octets", PASSWORD_SIZE - 1);
		password[size++] = octet;
	}
	if (n < 0)
		return error_errno(error, ERROR_PERMANENT, "cannot read the password");
	if (n == 0 && size == 0)
		return error_set(error, ERROR_PERMANENT, "there is no password to read");
	password[size] = '\0';
	return 0;
}

/*
 * The signals are blocked but while it waits for the next octet: one that came just before would
 * not wake it.
 */
static int
ask_hidden(int terminal, const char *question, const char *user, char password[PASSWORD_SIZE],
    struct error *error)
{
	struct termios visible, hidden;
	sigset_t held, allowed;
	int result;

	if (tcgetattr(terminal, &visible) < 0)
		return error_errno(error, ERROR_PERMANENT, "the terminal");
	sigemptyset(&held);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaddset(&held, signals[i]);
	sigprocmask(SIG_BLOCK, &held, &allowed);
	hidden = visible;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(terminal, TCSAFLUSH, &hidden) < 0) {
		result = error_errno(error, ERROR_PERMANENT, "cannot turn off the terminal's echo");
	} else {
		dprintf(terminal, "%s %s: ", question, user);
		result = read_line(terminal, &allowed, password, error);
		dprintf(terminal, "\n");
		tcsetattr(terminal, TCSAFLUSH, &visible);
	}
	sigprocmask(SIG_SETMASK, &allowed, NULL);
	return result;
}

static int
ask(int terminal, const char *question, const char *user, char password[PASSWORD_SIZE],
    struct error *error)
{
	struct sigaction action = { .sa_handler = note_signal }, old[SIGNAL_COUNT];
	int result;

	caught = 0;
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &action, &old[i]);
	result = ask_hidden(terminal, question, user, password, error);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &old[i], NULL);
	if (caught != 0)
		raise(caught);
	return result;
}

static int
ask_twice(int terminal, const char *user, char password[PASSWORD_SIZE], struct error *error)
{
	char again[PASSWORD_SIZE] = "";
	int result = ask(terminal, "New password of", user, password, error);

	if (result == 0)
		result = ask(terminal, "Once more, the password of", user, again, error);
	if (result == 0 && strcmp(password, again) != 0)
		result = error_set(error, ERROR_PERMANENT, "the two passwords differ");
	secret_wipe(again, sizeof(again));
	return result;
}

int
secret_input(
    char password[PASSWORD_SIZE], int descriptor, const char *user, bool twice, struct error *error)
{
	int terminal, result;

	memset(password, 0, PASSWORD_SIZE);
	if (descriptor != SECRET_INPUT_TERMINAL)
		return read_line(descriptor, NULL, password, error);
	terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (terminal < 0)
		return error_set(error, ERROR_PERMANENT,
		    "there is no terminal to ask for the password: use --password-fd");
	result = twice ? ask_twice(terminal, user, password, error)
		       : ask(terminal, "Password of", user, password, error);
	close(terminal);
	return result;
}
