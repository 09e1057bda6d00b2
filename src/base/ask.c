/* See ask.h. */

#include "base/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
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
read_line(int descriptor, const sigset_t *signals_allowed, char *secret, size_t size, struct error *error)
{
	size_t used = 0;
	char octet = 0;
	ssize_t n;

	while ((n = read_octet(descriptor, &octet, signals_allowed)) == 1 && octet != '\n') {
		if (octet == '\0')
			return error_set(error, ERROR_PERMANENT, "the password holds NUL");
		if (used == size - 1)
			return error_set(
			    error, ERROR_PERMANENT, "the password is longer than %zu octets", size - 1);
		secret[used++] = octet;
	}
	if (n < 0)
		return error_errno(error, ERROR_PERMANENT, "cannot read the password");
	if (n == 0 && used == 0)
		return error_set(error, ERROR_PERMANENT, "there is no password to read");
	secret[used] = '\0';
	return 0;
}

/*
 * The signals are blocked but while it waits for the next octet: one that came just before would
 * not wake it.
 */
static int
ask_hidden(int terminal, const char *question, char *secret, size_t size, struct error *error)
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
		dprintf(terminal, "%s: ", question);
		result = read_line(terminal, &allowed, secret, size, error);
		dprintf(terminal, "\n");
		tcsetattr(terminal, TCSAFLUSH, &visible);
	}
	sigprocmask(SIG_SETMASK, &allowed, NULL);
	return result;
}

int
secret_read(int descriptor, char *secret, size_t size, struct error *error)
{
	int result = read_line(descriptor, NULL, secret, size, error);

	if (result != 0)
		secret_wipe(secret, size);
	return result;
}

int
secret_ask(int terminal, const char *question, char *secret, size_t size, struct error *error)
{
	struct sigaction action = { .sa_handler = note_signal }, old[SIGNAL_COUNT];
	int result;

	caught = 0;
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &action, &old[i]);
	result = ask_hidden(terminal, question, secret, size, error);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &old[i], NULL);
	if (result != 0)
		secret_wipe(secret, size);
	if (caught != 0)
		raise(caught);
	return result;
}

int
terminal_open(struct error *error)
{
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	return terminal >= 0 ? terminal
			     : error_set(error, ERROR_GONE, "there is no terminal to ask for the password");
}
