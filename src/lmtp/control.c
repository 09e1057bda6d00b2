/* See control.h: one row and one function for each message. */

#include "lmtp/control.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "lmtp/auth.h"
#include "lmtp/known.h"
#include "lmtp/lmtp.h"

#define BAD_COMMANDS_MAX 20	/* an MTA says what it has to say in a pipeline */

static void
tell(struct lmtp *lmtp, enum ipc_type type, const void *body)
{
	struct error error;

	if (link_send(&lmtp->parent, type, body, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "parent-unreachable", LOG_REASON(&error));
}

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
	if (settings->lmtp_domains[0] != '\0')
		snprintf(lmtp->domains, sizeof(lmtp->domains), "%s", settings->lmtp_domains);
	else
		snprintf(lmtp->domains, sizeof(lmtp->domains), "%s localhost", settings->hostname);
	log_level_set((enum log_level)settings->log_level);
	/* IPC_KEYS only follows if there are some. */
	if (settings->certificate_count == 0)
		keyring_drop(&lmtp->keyring);
}

static void
on_settings(struct lmtp *lmtp, struct ipc_message *message)
{
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
on_keys(struct lmtp *lmtp, struct ipc_message *message)
{
	keyring_take(&lmtp->keyring, message->descriptor);
}

static void
on_ticket_keys(struct lmtp *lmtp, struct ipc_message *message)
{
	keyring_take_tickets(&lmtp->keyring, &message->body.ticket_keys);
}

static void
on_listener(struct lmtp *lmtp, struct ipc_message *message)
{
	listener_add(&lmtp->listeners, message->descriptor, &message->body.listener);
	message->descriptor = -1;
}

static void
on_accept(struct lmtp *lmtp, struct ipc_message *message)
{
	if (lmtp->stopping)
		return;
	listeners_accept(&lmtp->listeners, message->body.accept.generation);
	if (!lmtp->ready) {
		tell(lmtp, IPC_READY, NULL);
		auth_await(lmtp);
	}
	lmtp->ready = true;
}

static void
on_channel(struct lmtp *lmtp, struct ipc_message *message)
{
	const struct ipc_channel_for *channel = &message->body.channel;

	if (channel->role == IPC_AUTH)
		auth_open(lmtp, message->descriptor);
	else
		door_add(&lmtp->doors, message->descriptor, channel->slot);
	message->descriptor = -1;
}

static void
on_log(struct lmtp *lmtp, struct ipc_message *message)
{
	(void)lmtp;
	log_descriptor_set(message->descriptor, (enum log_form)message->body.log.form);
	message->descriptor = -1;
}

static void
on_stop(struct lmtp *lmtp, struct ipc_message *message)
{
	lmtp_stop(lmtp, message->body.stop.grace_seconds);
}

static void
on_report(struct lmtp *lmtp, struct ipc_message *message)
{
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
	struct ipc_row row;

	memset(&end, 0, sizeof(end));
	memset(&row, 0, sizeof(row));
	end.ticket = row.ticket = message->body.report.ticket;
	if (message->body.report.kind == IPC_REPORT_COUNTS) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			row.number = counts[i].number;
			snprintf(row.name, sizeof(row.name), "%s", counts[i].name);
			tell(lmtp, IPC_ROW, &row);
			end.number++;
		}
	}
	tell(lmtp, IPC_REPORT_END, &end);
}

static const struct {
	enum ipc_type type;
	void (*run)(struct lmtp *, struct ipc_message *);
} handlers[] = {
	{ IPC_SETTINGS, on_settings },
	{ IPC_KEYS, on_keys },
	{ IPC_TICKET_KEYS, on_ticket_keys },
	{ IPC_LISTENER, on_listener },
	{ IPC_ACCEPT, on_accept },
	{ IPC_CHANNEL, on_channel },
	{ IPC_LOG, on_log },
	{ IPC_STOP, on_stop },
	{ IPC_REPORT, on_report },
};

static void
hear(struct link *link, struct ipc_message *message)
{
	if (ipc_message_is_maimed(message)) {
		LOG(LOG_LEVEL_ERROR, "descriptor-lost", LOG_NUMBER("message", message->type));
		return;
	}
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == message->type)
			handlers[i].run(link->owner, message);
}

/* Nobody would start it again, nor tell it of new maildrop processes. */
static void
parent_gone(struct link *link, const struct error *error)
{
	struct lmtp *lmtp = link->owner;

	if (!lmtp->stopping)
		LOG(LOG_LEVEL_INFO, "parent-gone", LOG_REASON(error));
	lmtp_stop(lmtp, 0);
}

int
control_open(struct lmtp *lmtp, int descriptor, struct error *error)
{
	struct link *link = &lmtp->parent;

	link->owner = lmtp;
	link->received = hear;
	link->gone = parent_gone;
	return link_open(link, &lmtp->loop, descriptor, IPC_LMTP, IPC_PARENT, error);
}
