/* See signals.h. */

#include "fetch/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int heard = -1; /* where the handler writes: it has nothing else */

static void
handle(int number)
{
	int kept = errno;
	char octet = number == SIGHUP ? 'r' : 's';
	ssize_t written = write(heard, &octet, 1);

	(void)written; /* a full pipe is readable, too */
	errno = kept;
}

int
signals_open(bool has_reload, struct error *error)
{
	struct sigaction once = { .sa_handler = handle, .sa_flags = (int)(SA_RESTART | SA_RESETHAND) };
	struct sigaction always = { .sa_handler = handle, .sa_flags = SA_RESTART };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot make a pipe");
	heard = ends[1];
	sigaction(SIGTERM, &once, NULL);
	sigaction(SIGINT, &once, NULL);
	if (has_reload)
		sigaction(SIGHUP, &always, NULL);
	return ends[0];
}

void
signals_take(int descriptor, struct signals *signals)
{
	char octet;

	while (read(descriptor, &octet, 1) == 1) {
		signals->is_stop |= octet == 's';
		signals->is_reload |= octet == 'r';
	}
}
