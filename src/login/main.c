/*
 * restante-login: the AUTHORIZATION state.
 *
 * Does: accepts clients, speaks TLS and the commands before the login, asks auth, and hands those
 *   who may come in to their maildrop process. For TLS clients it goes on pumping octets.
 * Holds: the clients' sockets, the TLS keys.
 * Never sees: a mailbox, the password file, any file at all. Passwords pass through, to auth, and
 *   are wiped behind it.
 * Talks to: strangers; the parent (settings, keys, listening sockets); auth; and maildrop
 *   processes, but only about clients whom auth has let in.
 *
 * A stranger can make it use a bounded amount of memory and time, and what breaks here holds no
 * mail.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/random.h>

#include "base/log.h"
#include "login/admission.h"
#include "login/check.h"
#include "login/connection.h"
#include "login/control.h"
#include "login/greeting.h"
#include "login/login.h"
#include "login/pairs.h"
#include "login/pump.h"
#include "sandbox/sandbox.h"

#define CONTROL_DESCRIPTOR 3

static void
grace_over(struct timer *timer)
{
	struct login *login = timer->owner;

	login->ended = true;
}

void
login_stop_if_idle(struct login *login)
{
	if (login->stopping && login->young.count == 0 && login->pumps.count == 0 &&
	    login->slow.count == 0)
		login->ended = true;
}

void
login_stop(struct login *login, uint64_t grace_seconds)
{
	struct deadline *deadline;

	login->stopping = true;
	listeners_close(&login->listeners);
	while ((deadline = deadlines_first(&login->young)) != NULL)
		connection_end(connection_of(deadline), "stopping");
	if (grace_seconds == 0)
		pumps_end(login);
	else
		timer_set(&login->loop.timers, &login->stop_timer,
		    login->loop.now + grace_seconds * 1000);
	login_stop_if_idle(login);
}

static int
login_init(struct login *login, struct error *error)
{
	if (loop_open(&login->loop, error) < 0)
		return -1;
	login->stop_timer = (struct timer){ .expired = grace_over, .owner = login };
	login->listeners.owner = login;
	login->listeners.accepted = admission_accepted;
	login->listeners.knocks = duty_calls;
	duty_init(login);
	listeners_init(&login->listeners, &login->loop);
	login->doors = (struct doors){ .loop = &login->loop, .parent = &login->parent, .self = IPC_LOGIN,
		.size = sizeof(struct door) };
	deadlines_init(&login->young, &login->loop, connection_expired);
	deadlines_init(&login->pumps, &login->loop, pump_expired);
	deadlines_init(&login->slow, &login->loop, pump_expired);
	if (getrandom(&login->addresses.seed, sizeof(login->addresses.seed), 0) < 0)
		return error_errno(error, ERROR_TEMPORARY, "no random numbers");
	return greeting_startup(error);
}

static void
login_free(struct login *login)
{
	pumps_end(login);
	pairs_close(login);
	doors_close(&login->doors);
	link_close(&login->auth);
	link_close(&login->parent);
	loop_close(&login->loop);
	keyring_free(&login->keyring);
}

static int
run(void)
{
	static struct login login;
	struct error error;

	if (login_init(&login, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "start", LOG_REASON(&error));
		return EXIT_FAILURE;
	}
	if (control_open(&login, CONTROL_DESCRIPTOR, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "start",
		    LOG_TEXT("reason", "descriptor 3 is no control channel"));
		return EXIT_FAILURE;
	}
	while (!login.ended)
		loop_wait(&login.loop);
	login_free(&login);
	return EXIT_SUCCESS;
}

static const char help[] =
    "usage: restante-login [--check | --help | --version]\n"
    "\n"
    "Serves POP3 clients until they have logged in. restanted starts it, with a control\n"
    "channel on descriptor 3; it is of no use by hand.\n"
    "\n"
    "  --check  say whether the settings and certificates sent on descriptor 3 are good\n";

int
main(int argc, char *argv[])
{
	struct error error;
	bool check = argc == 2 && strcmp(argv[1], "--check") == 0;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("restante-login " RESTANTE_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc != 1 && !check) {
		fputs(help, stderr);
		return EX_USAGE;
	}
	log_open("restante-login", 2, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	log_gather();
	signal(SIGPIPE, SIG_IGN);
	/* Before the sandbox, because OpenSSL looks at what the machine is like. */
	if (tls_startup(&error) < 0 || sandbox_enter(SANDBOX_LOGIN, NULL, 0, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "start", LOG_REASON(&error));
		return EXIT_FAILURE;
	}
	return check ? check_run(CONTROL_DESCRIPTOR) : run();
}
