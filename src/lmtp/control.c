/* See control.h, and front/neighbours.h for what the parent says to login as well. */

#include "lmtp/control.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "lmtp/delivery.h"
#include "lmtp/known.h"
#include "lmtp/lmtp.h"

#define BAD_COMMANDS_MAX 20	/* an MTA says what it has to say in a pipeline */

static void
settings_apply(struct lmtp *lmtp)
{
	const struct config *settings = &lmtp->settings;

	lmtp->session_settings = (struct session_settings){
		.host = settings->hostname,
		.size_max = settings->lmtp_size_max_octets,
		.recipients_max = (unsigned)settings->lmtp_recipients_max,
		.bad_commands_max = BAD_COMMANDS_MAX,
		.delimiter = settings->lmtp_delimiter[0],
		.received = true,
	};
	/* restante-deliver has localhost behind a name without a domain. */
	snprintf(lmtp->domains, sizeof(lmtp->domains), "%s localhost",
	    settings->lmtp_domains[0] != '\0' ? settings->lmtp_domains : settings->hostname);
	lmtp->client_patience_milliseconds =
	    lmtp_patience("RESTANTE_LMTP_TIMEOUT_MILLISECONDS", settings->lmtp_timeout_seconds * 1000);
	log_level_set((enum log_level)settings->log_level);
	/* IPC_KEYS only follows if there are some. */
	if (settings->certificate_count == 0)
		keyring_drop(&lmtp->keyring);
}

static void
on_settings(void *owner, struct ipc_message *message)
{
	struct lmtp *lmtp = owner;
	struct error error;

	if (config_from_memfd(&lmtp->settings, message->descriptor, &error) == 0) {
		lmtp->has_settings = true;
		settings_apply(lmtp);
		known_forget_all(lmtp);
		return;
	}
	LOG(LOG_LEVEL_ERROR, "settings", LOG_REASON(&error));
	if (!lmtp->has_settings)
		lmtp_stop(lmtp, 0);
}

static void
on_accept(void *owner, struct ipc_message *message)
{
	struct lmtp *lmtp = owner;

	if (lmtp->stopping)
		return;
	listeners_accept(&lmtp->listeners, message->body.accept.generation);
	if (!lmtp->ready)
		neighbours_ready(&lmtp->neighbours);
	lmtp->ready = true;
}

static void
on_stop(void *owner, struct ipc_message *message)
{
	lmtp_stop(owner, message->body.stop.grace_seconds);
}

static void
on_report(void *owner, struct ipc_message *message)
{
	struct lmtp *lmtp = owner;
	const struct {
		const char *name;
		uint64_t number;
	} counts[] = {
		{ "connections", lmtp->talking.count + lmtp->silent.count },
		{ "messages", lmtp->counts.messages },
		{ "recipients delivered", lmtp->counts.delivered },
		{ "recipients refused", lmtp->counts.refused },
	};
	struct ipc_report_end end;

	memset(&end, 0, sizeof(end));
	end.ticket = message->body.report.ticket;
	if (message->body.report.kind == IPC_REPORT_COUNTS)
		for (; end.number < sizeof(counts) / sizeof(counts[0]); end.number++)
			neighbours_tell_count(&lmtp->neighbours, end.ticket, counts[end.number].name,
			    counts[end.number].number);
	neighbours_tell(&lmtp->neighbours, IPC_REPORT_END, &end);
}

static const struct said said[] = {
	{ IPC_SETTINGS, on_settings },
	{ IPC_ACCEPT, on_accept },
	{ IPC_STOP, on_stop },
	{ IPC_REPORT, on_report },
	{ .run = NULL },
};

/* Nobody would start it again, nor tell it of new maildrop processes. */
static void
parent_gone(void *owner)
{
	lmtp_stop(owner, 0);
}

static void
answered(void *owner, struct ipc_message *message)
{
	if (message->type == IPC_RECIPIENT_FOUND)
		delivery_found(owner, &message->body.recipient_found);
	else if (message->type == IPC_RECIPIENT_REFUSED)
		delivery_refused(owner, &message->body.recipient_refused);
}

static void
auth_lost(void *owner)
{
	known_forget_all(owner);
	deliveries_auth_lost(owner);
}

int
control_open(struct lmtp *lmtp, int descriptor, struct error *error)
{
	lmtp->neighbours = (struct neighbours){ .self = IPC_LMTP, .loop = &lmtp->loop,
		.parent = &lmtp->parent, .auth = &lmtp->auth, .listeners = &lmtp->listeners,
		.keyring = &lmtp->keyring, .doors = &lmtp->doors, .stopping = &lmtp->stopping, .owner = lmtp,
		.said = said, .parent_gone = parent_gone, .answered = answered, .auth_lost = auth_lost };
	return neighbours_open(&lmtp->neighbours, descriptor, error);
}
