/*
 * restante-lmtp: mail comes in.
 *
 * Does: accepts MTAs and their like, speaks LMTP (RFC 2033), keeps each message once until it is delivered, asks
 *   auth who a recipient is, and hands the message to the maildrop process of each.
 * Holds: the clients' sockets, the TLS keys, and the messages that are on their way, in the spool directory.
 * Never sees: a mailbox, the users file, a password.
 * Talks to: clients from the networks that are configured, or on a Unix socket; the parent (settings, keys,
 *   listening sockets); auth; and maildrop processes, which write where auth's warrant says and nowhere else.
 *
 * "250" is said for a recipient only when his maildrop process has said that the message is on the disk.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/number.h"
#include "lmtp/admission.h"
#include "lmtp/connection.h"
#include "lmtp/control.h"
#include "lmtp/delivery.h"
#include "lmtp/known.h"
#include "lmtp/lmtp.h"
#include "lmtp/spool.h"
#include "sandbox/sandbox.h"

#define CONTROL_DESCRIPTOR 3
/* Session ids: so many bits count, those above are drawn once. */
#define COUNT_BITS 32

/* For an answer of auth, and for a message to be on the disk; less than MTAs wait for the latter. */
#define AUTH_PATIENCE_MILLISECONDS     10000
#define MAILDROP_PATIENCE_MILLISECONDS (5 * 60 * 1000)
#define PATIENCE                       "RESTANTE_LMTP_PATIENCE_MILLISECONDS"

uint64_t
lmtp_patience(const char *variable, uint64_t milliseconds)
{
#ifdef RESTANTE_TEST_HOOKS
	const char *text = getenv(variable);
	uint64_t shorter;

	if (text != NULL && number_parse(text, &shorter))
		return shorter;
#else
	(void)variable;
#endif
	return milliseconds;
}

void
lmtp_stop_if_idle(struct lmtp *lmtp)
{
	if (lmtp->stopping && lmtp->talking.count + lmtp->silent.count == 0)
		lmtp->ended = true;
}

static void
end_all(struct lmtp *lmtp)
{
	struct deadline *deadline;

	while ((deadline = deadlines_first(&lmtp->talking)) != NULL ||
	    (deadline = deadlines_first(&lmtp->silent)) != NULL)
		connection_end(connection_of(deadline), "stopping");
}

static void
grace_over(struct timer *timer)
{
	end_all(timer->owner);
}

void
lmtp_stop(struct lmtp *lmtp, uint64_t grace_seconds)
{
	lmtp->stopping = true;
	listeners_close(&lmtp->listeners);
	connections_stop_idle(lmtp);
	if (grace_seconds == 0)
		end_all(lmtp);
	else
		timer_set(&lmtp->loop.timers, &lmtp->stop_timer, lmtp->loop.now + grace_seconds * 1000);
	lmtp_stop_if_idle(lmtp);
}

static int
lmtp_init(struct lmtp *lmtp, const char *spool_directory, struct error *error)
{
	if (loop_open(&lmtp->loop, error) < 0)
		return -1;
	if (getrandom(&lmtp->last_session, sizeof(lmtp->last_session), 0) < 0)
		return error_errno(error, ERROR_TEMPORARY, "no random numbers");
	lmtp->last_session = lmtp->last_session >> COUNT_BITS << COUNT_BITS;
	lmtp->spool_directory = spool_directory;
	lmtp->auth_patience_milliseconds = lmtp_patience(PATIENCE, AUTH_PATIENCE_MILLISECONDS);
	lmtp->maildrop_patience_milliseconds = lmtp_patience(PATIENCE, MAILDROP_PATIENCE_MILLISECONDS);
	lmtp->listeners.owner = lmtp;
	lmtp->listeners.accepted = admission_accepted;
	listeners_init(&lmtp->listeners, &lmtp->loop);
	lmtp->doors = (struct doors){ .loop = &lmtp->loop, .parent = &lmtp->parent, .self = IPC_LMTP,
		.size = sizeof(struct maildrop_door), .owner = lmtp, .received = delivery_answered,
		.gone = deliveries_door_gone };
	lmtp->stop_timer = (struct timer){ .expired = grace_over, .owner = lmtp };
	deadlines_init(&lmtp->talking, &lmtp->loop, connection_expired);
	deadlines_init(&lmtp->silent, &lmtp->loop, connection_expired);
	deadlines_init(&lmtp->asked, &lmtp->loop, delivery_expired);
	deadlines_init(&lmtp->under_way, &lmtp->loop, delivery_expired);
	return 0;
}

static void
lmtp_free(struct lmtp *lmtp)
{
	end_all(lmtp);
	known_forget_all(lmtp);
	doors_close(&lmtp->doors);
	link_close(&lmtp->auth);
	link_close(&lmtp->parent);
	loop_close(&lmtp->loop);
	keyring_free(&lmtp->keyring);
}

static int
run(const char *spool_directory)
{
	static struct lmtp lmtp;
	struct error error;

	if (lmtp_init(&lmtp, spool_directory, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "start", LOG_REASON(&error));
		return EXIT_FAILURE;
	}
	if (control_open(&lmtp, CONTROL_DESCRIPTOR, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "start", LOG_TEXT("reason", "descriptor 3 is no control channel"));
		return EXIT_FAILURE;
	}
	while (!lmtp.ended)
		loop_wait(&lmtp.loop);
	lmtp_free(&lmtp);
	return EXIT_SUCCESS;
}

static const char help[] =
    "usage: restante-lmtp --spool directory\n"
    "       restante-lmtp --help | --version\n"
    "\n"
    "Takes mail by LMTP and hands it to the maildrops. restanted starts it, with a control\n"
    "channel on descriptor 3; it is of no use by hand.\n"
    "\n"
    "  --spool directory  where big messages are until they are delivered\n";

int
main(int argc, char *argv[])
{
	struct sandbox_path spool = { .access = SANDBOX_READ_WRITE };
	struct error error;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("restante-lmtp " RESTANTE_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc != 3 || strcmp(argv[1], "--spool") != 0 || argv[2][0] != '/') {
		fputs(help, stderr);
		return EX_USAGE;
	}
	log_open("restante-lmtp", 2, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	log_gather();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a file that is too big is an error that the client hears of */
	spool_clear(argv[2]);
	spool.path = argv[2];
	/* Before the sandbox, because OpenSSL looks at what the machine is like. */
	if (tls_startup(&error) < 0 || sandbox_enter(SANDBOX_LMTP, &spool, 1, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "start", LOG_REASON(&error));
		return EXIT_FAILURE;
	}
	return run(argv[2]);
}
