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

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/secret.h"
#include "login/authentication.h"
#include "login/check.h"
#include "login/connection.h"
#include "login/control.h"
#include "login/greeting.h"
#include "login/listener.h"
#include "login/login.h"
#include "login/pump.h"
#include "sandbox/sandbox.h"

#define CONTROL_DESCRIPTOR 3
/* Descriptors that no stranger gets: auth's answers come with one. */
#define RESERVED_MAX 64

static void
stop_loop(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

void
login_bury(struct login *login, struct grave *grave)
{
	grave->next = login->graves;
	login->graves = grave;
}

static void
free_buried(uv_check_t *undertaker)
{
	struct login *login = undertaker->loop->data;
	struct grave *grave;

	while ((grave = login->graves) != NULL) {
		login->graves = grave->next;
		free(grave);
	}
}

void
login_stop_if_idle(struct login *login)
{
	if (login->stopping && login->young.count == 0 && login->pumps.count == 0 &&
	    login->slow.count == 0)
		uv_stop(&login->loop);
}

void
login_stop(struct login *login, uint64_t grace_seconds)
{
	struct deadline *deadline;

	login->stopping = true;
	listeners_close(login);
	while ((deadline = deadlines_first(&login->young)) != NULL)
		connection_end(connection_of(deadline), "stopping");
	if (grace_seconds == 0)
		pumps_end(login);
	else
		uv_timer_start(&login->stop_timer, stop_loop, grace_seconds * 1000, 0);
	login_stop_if_idle(login);
}

static int
sockets_max(void)
{
	struct rlimit limit;
	rlim_t reserved;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
		return INT_MAX;
	reserved = limit.rlim_cur / 4 < RESERVED_MAX ? limit.rlim_cur / 4 : RESERVED_MAX;
	return (int)(limit.rlim_cur - reserved);
}

static int
login_init(struct login *login, struct error *error)
{
	if (uv_loop_init(&login->loop) != 0)
		return error_set(error, ERROR_TEMPORARY, "no event loop");
	login->loop.data = login;
	uv_timer_init(&login->loop, &login->accept_pause);
	uv_timer_init(&login->loop, &login->stop_timer);
	uv_timer_init(&login->loop, &login->auth_timer);
	uv_check_init(&login->loop, &login->undertaker);
	uv_check_start(&login->undertaker, free_buried);
	login->sockets_max = sockets_max();
	deadlines_init(&login->young, &login->loop, connection_expired);
	deadlines_init(&login->pumps, &login->loop, pump_expired);
	deadlines_init(&login->slow, &login->loop, pump_expired);
	if (getrandom(&login->addresses.seed, sizeof(login->addresses.seed), 0) < 0)
		return error_errno(error, ERROR_TEMPORARY, "no random numbers");
	return greeting_startup(error);
}

static void
close_handle(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
login_free(struct login *login)
{
	pumps_end(login);
	doors_close(login);
	link_close(login->auth);
	link_close(login->parent);
	uv_walk(&login->loop, close_handle, NULL);
	uv_run(&login->loop, UV_RUN_DEFAULT);
	uv_loop_close(&login->loop);
	free_buried(&login->undertaker);
	tls_context_unref(login->tls);
	secret_wipe(login->ticket_keys, sizeof(login->ticket_keys));
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
	if (control_open(&login, CONTROL_DESCRIPTOR) < 0) {
		LOG(LOG_LEVEL_ERROR, "start",
		    LOG_TEXT("reason", "descriptor 3 is no control channel"));
		return EXIT_FAILURE;
	}
	uv_run(&login.loop, UV_RUN_DEFAULT);
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
	signal(SIGPIPE, SIG_IGN);
	/* Before the sandbox, because OpenSSL looks at what the machine is like. */
	if (tls_startup(&error) < 0 || sandbox_enter(SANDBOX_LOGIN, NULL, 0, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "start", LOG_REASON(&error));
		return EXIT_FAILURE;
	}
	return check ? check_run(CONTROL_DESCRIPTOR) : run();
}
