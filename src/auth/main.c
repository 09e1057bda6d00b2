/*
 * restante-auth: does this password open this maildrop, and whose is it?
 *
 * It checks credentials (password, APOP, SASL) against the users file, slows guessing, and has the
 * maildrop opened by the maildrop process of the user's uid, which it has started if need be. It tells
 * lmtp which recipients have a maildrop, and writes the warrants for mail to them.
 *
 * Holds: the users file, the credentials that are being checked, a keyed digest of those that were
 * right a short while ago. Never sees: a client's socket, a mailbox, a TLS key. It can read the
 * directory of the users file, and nothing else; it cannot open a connection or run a program.
 *
 * Talks to: parent (descriptor 3: settings, channels, START), login (CHECK, SASL_START, SASL_STEP,
 * FORGET; REFUSED, SASL_CHALLENGE, GRANTED), lmtp (RECIPIENT; RECIPIENT_FOUND, RECIPIENT_REFUSED),
 * maildrop (WARRANT_KEY, OPEN). One thread talks, a few others hash.
 */

#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/attempt.h"
#include "auth/lookup.h"
#include "auth/maildrops.h"
#include "auth/recipients.h"
#include "base/log.h"
#include "base/secret.h"
#include "sandbox/sandbox.h"

#define CONTROL 3

static void
login_gone(struct link *link, const struct error *error)
{
	struct login *login = link->owner;

	LOG(LOG_LEVEL_INFO, "login-gone", LOG_NUMBER("slot", login->slot), LOG_REASON(error));
	check_forget_login(login);
}

static void
login_received(struct link *link, struct ipc_message *message)
{
	check_message(link->owner, message);
}

/* A new login process, or one that took another's place. */
static void
take_login(struct auth *auth, struct ipc_message *message)
{
	uint32_t slot = message->body.channel.slot;
	struct login *login = slot < LOGINS_MAX ? auth->logins[slot] : NULL;
	struct error error;

	if (slot >= LOGINS_MAX)
		return;
	if (login == NULL)
		login = auth->logins[slot] = calloc(1, sizeof(*login));
	if (login == NULL)
		return;
	login->auth = auth;
	login->slot = slot;
	login->link.owner = login;
	login->link.received = login_received;
	login->link.gone = login_gone;
	link_close(&login->link);
	check_forget_login(login);
	if (link_open(&login->link, &auth->loop, message->descriptor, IPC_AUTH, IPC_LOGIN, &error) <
	    0)
		LOG(LOG_LEVEL_ERROR, "login-channel-lost", LOG_NUMBER("slot", slot),
		    LOG_REASON(&error));
	message->descriptor = -1;
}

static void
take_channel(struct auth *auth, struct ipc_message *message)
{
	if (message->body.channel.role == IPC_LOGIN)
		take_login(auth, message);
	else if (message->body.channel.role == IPC_LMTP)
		recipients_channel(auth, message);
}

static unsigned
core_count(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : (unsigned)count;
}

static int
apply_settings(struct auth *auth, struct error *error)
{
	const struct config *config = &auth->config;
	unsigned threads =
	    config->auth_threads != 0 ? (unsigned)config->auth_threads : core_count();

	log_level_set((enum log_level)config->log_level);
	throttle_configure(&auth->throttle, config->auth_failures_max, config->auth_refusal_seconds,
	    config->auth_failure_delay_milliseconds);
	if (cache_configure(&auth->cache, &auth->key, config->auth_cache_seconds,
		config->auth_cache_entries, error) < 0)
		return -1;
	return pool_resize(&auth->pool, threads, error);
}

static void
take_settings(struct auth *auth, struct ipc_message *message)
{
	struct error error;

	if (config_from_memfd(&auth->config, message->descriptor, &error) < 0 ||
	    apply_settings(auth, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "settings-refused", LOG_REASON(&error));
		auth->stopping = !auth->configured;
		return;
	}
	if (auth->configured)
		return;
	auth->configured = true;
	(void)lookup_refresh(auth);
	if (link_send(&auth->parent, IPC_READY, NULL, -1, &error) < 0)
		LOG(LOG_LEVEL_ERROR, "parent-gone", LOG_REASON(&error));
}

static void
take_log(struct auth *auth, struct ipc_message *message)
{
	(void)auth;
	if (ipc_message_is_maimed(message))
		return;
	log_descriptor_set(message->descriptor, (enum log_form)message->body.log.form);
	message->descriptor = -1;
}

static void
take_stop(struct auth *auth, struct ipc_message *message)
{
	(void)message;
	auth->stopping = true;
}

static void
take_not_started(struct auth *auth, struct ipc_message *message)
{
	maildrops_not_started(auth, &message->body.not_started);
}

static void
send_row(struct auth *auth, uint32_t ticket, const char *name, uint64_t number)
{
	struct ipc_row row;
	struct error error;

	memset(&row, 0, sizeof(row));
	row.ticket = ticket;
	row.number = number;
	snprintf(row.name, sizeof(row.name), "%s", name);
	if (link_send(&auth->parent, IPC_ROW, &row, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "report-lost", LOG_REASON(&error));
}

static void
take_report(struct auth *auth, struct ipc_message *message)
{
	const struct ipc_report *report = &message->body.report;
	const struct {
		const char *name;
		uint64_t number;
	} rows[] = {
		{ "users", auth->users.users == NULL ? 0 : users_count(auth->users.users) },
		{ "checks", auth->counts.checks },
		{ "granted", auth->counts.granted },
		{ "refused", auth->counts.refused },
		{ "throttled", auth->counts.throttled },
		{ "not-served", auth->counts.not_served },
		{ "cache-hits", auth->counts.cache_hits },
		{ "recipients", auth->counts.recipients },
		{ "recipients-refused", auth->counts.recipients_refused },
		{ "checks-now", auth->check_count },
		{ "maildrop-processes", maildrops_count(auth) },
	};
	struct ipc_report_end end;
	struct error error;

	memset(&end, 0, sizeof(end));
	end.ticket = report->ticket;
	/* Sessions are reported by those who hold them. */
	for (size_t i = 0; report->kind == IPC_REPORT_COUNTS && i < sizeof(rows) / sizeof(rows[0]);
	     i++) {
		send_row(auth, report->ticket, rows[i].name, rows[i].number);
		end.number++;
	}
	if (link_send(&auth->parent, IPC_REPORT_END, &end, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "report-lost", LOG_REASON(&error));
}

static void
parent_received(struct link *link, struct ipc_message *message)
{
	static const struct {
		enum ipc_type type;
		void (*handle)(struct auth *, struct ipc_message *);
	} handlers[] = {
		{ IPC_SETTINGS, take_settings },
		{ IPC_CHANNEL, take_channel },
		{ IPC_LOG, take_log },
		{ IPC_STOP, take_stop },
		{ IPC_REPORT, take_report },
		{ IPC_STARTED, maildrops_started },
		{ IPC_NOT_STARTED, take_not_started },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == message->type)
			handlers[i].handle(link->owner, message);
}

/* The parent has gone: end as if it had said STOP. */
static void
parent_gone(struct link *link, const struct error *error)
{
	struct auth *auth = link->owner;

	LOG(LOG_LEVEL_INFO, "parent-gone", LOG_REASON(error));
	auth->stopping = true;
}

static void
pool_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	attempt_verified(watch->owner);
}

static int
auth_open(struct auth *auth, const char *users_path, struct error *error)
{
	users_file_open(&auth->users, users_path);
	if (digest_key_make(&auth->key, error) < 0 || warrant_key_make(&auth->warrant_key, error) < 0 ||
	    throttle_open(&auth->throttle, &auth->key, error) < 0 ||
	    pool_open(&auth->pool, POOL_QUEUE, error) < 0 || loop_open(&auth->loop, error) < 0)
		return -1;
	auth->pool_watch =
	    (struct watch){ .descriptor = auth->pool.event, .ready = pool_ready, .owner = auth };
	auth->parent.owner = auth;
	auth->parent.received = parent_received;
	auth->parent.gone = parent_gone;
	if (loop_add(&auth->loop, &auth->pool_watch, EPOLLIN, error) < 0)
		return -1;
	if (link_open(&auth->parent, &auth->loop, CONTROL, IPC_AUTH, IPC_PARENT, error) < 0)
		return error_set(error, ERROR_PERMANENT,
		    "descriptor 3 is no channel: restanted starts this program");
	return 0;
}

static void
auth_close(struct auth *auth)
{
	watch_end(&auth->pool_watch);
	check_free_all(auth);
	recipients_free_all(auth);
	maildrops_free_all(auth);
	for (size_t i = 0; i < LOGINS_MAX; i++) {
		if (auth->logins[i] != NULL)
			link_close(&auth->logins[i]->link);
		free(auth->logins[i]);
	}
	link_close(&auth->parent);
	cache_close(&auth->cache);
	throttle_close(&auth->throttle);
	users_file_close(&auth->users);
	loop_close(&auth->loop);
	secret_wipe(auth, sizeof(*auth));
}

static int
serve(const char *users_path)
{
	static struct auth auth;
	struct error error;

	if (auth_open(&auth, users_path, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "cannot-start", LOG_REASON(&error));
		return EX_OSERR;
	}
	while (!auth.stopping)
		loop_wait(&auth.loop);
	auth_close(&auth);
	return EX_OK;
}

/* The directory, not the file: each change makes a new one. Of a link, that of its target too. */
static int
lock_in(const char *users_path, struct error *error)
{
	char named[PATH_MAX], real[PATH_MAX];
	struct sandbox_path paths[2] = { { .access = SANDBOX_READ }, { .access = SANDBOX_READ } };

	snprintf(named, sizeof(named), "%s", users_path);
	paths[0].path = dirname(named);
	if (realpath(users_path, real) == NULL)
		return sandbox_enter(SANDBOX_AUTH, paths, 1, error);
	paths[1].path = dirname(real);
	return sandbox_enter(SANDBOX_AUTH, paths, 2, error);
}

static void
print_help(void)
{
	puts("usage: restante-auth --users-file FILE\n"
	     "\n"
	     "Checks credentials for restanted(8), which starts this program with a channel on\n"
	     "descriptor 3. It is of no use by hand.\n"
	     "\n"
	     "  --users-file FILE  who has a maildrop; see restanted.conf(5)\n"
	     "  --help             this text\n"
	     "  --version          the version");
}

/* NULL: *status is how to exit. */
static const char *
parse_arguments(int argc, char **argv, int *status)
{
	static const struct option options[] = {
		{ "users-file", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const char *users_path = NULL;
	int option;

	*status = EX_OK;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'u') {
			users_path = optarg;
		} else if (option == 'h') {
			print_help();
			return NULL;
		} else if (option == 'v') {
			puts("restante-auth " RESTANTE_VERSION);
			return NULL;
		} else {
			*status = EX_USAGE;
			return NULL;
		}
	}
	if (users_path == NULL || optind < argc || strlen(users_path) >= PATH_SIZE) {
		fputs("usage: restante-auth --users-file FILE\n", stderr);
		*status = EX_USAGE;
		return NULL;
	}
	return users_path;
}

int
main(int argc, char **argv)
{
	int status;
	const char *users_path = parse_arguments(argc, argv, &status);
	struct error error;

	if (users_path == NULL)
		return status;
	log_open("restante-auth", 2, LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	if (lock_in(users_path, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "sandbox-failed", LOG_REASON(&error));
		return EX_OSERR;
	}
	/* Ctrl-C reaches everybody in the foreground; the parent decides what it means. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	return serve(users_path);
}
