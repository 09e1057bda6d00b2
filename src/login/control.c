/* See control.h: one row and one function for each message. */

#include "login/control.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "login/authentication.h"
#include "login/connection.h"
#include "login/greeting.h"
#include "login/login.h"
#include "login/pump.h"

static void
tell(struct login *login, enum ipc_type type, const void *body)
{
	struct error error;

	if (link_send(&login->parent, type, body, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "parent-unreachable", LOG_REASON(&error));
}

static void
on_settings(struct login *login, struct ipc_message *message)
{
	struct error error;

	if (config_from_memfd(&login->settings, message->descriptor, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "settings", LOG_REASON(&error));
		if (!login->has_settings)
			login_stop(login, 0);
		return;
	}
	login->has_settings = true;
	login->domain =
	    login->settings.apop != 0 ? greeting_domain(login->settings.hostname) : NULL;
	log_level_set((enum log_level)login->settings.log_level);
	/* IPC_KEYS only follows if there are some. */
	if (login->settings.certificate_count == 0)
		keyring_drop(&login->keyring);
}

/* Connections keep the context they began with. */
static void
on_keys(struct login *login, struct ipc_message *message)
{
	keyring_take(&login->keyring, message->descriptor);
}

static void
on_ticket_keys(struct login *login, struct ipc_message *message)
{
	keyring_take_tickets(&login->keyring, &message->body.ticket_keys);
}

static void
on_listener(struct login *login, struct ipc_message *message)
{
	listener_add(&login->listeners, message->descriptor, &message->body.listener);
	message->descriptor = -1;
}

static void
on_accept(struct login *login, struct ipc_message *message)
{
	if (login->stopping)
		return;
	listeners_accept(&login->listeners, message->body.accept.generation);
	duty_begin(login, message->body.accept.slot);
	if (!login->ready) {
		tell(login, IPC_READY, NULL);
		authentication_await(login);
	}
	login->ready = true;
}

static void
on_channel(struct login *login, struct ipc_message *message)
{
	const struct ipc_channel_for *channel = &message->body.channel;

	if (channel->role == IPC_AUTH)
		authentication_open(login, message->descriptor);
	else
		door_add(&login->doors, message->descriptor, channel->slot);
	message->descriptor = -1;
}

static void
on_log(struct login *login, struct ipc_message *message)
{
	(void)login;
	log_descriptor_set(message->descriptor, (enum log_form)message->body.log.form);
	message->descriptor = -1;
}

static void
on_stop(struct login *login, struct ipc_message *message)
{
	login_stop(login, message->body.stop.grace_seconds);
}

static void
tell_count(struct login *login, uint32_t ticket, const char *name, size_t number)
{
	struct ipc_row row;

	memset(&row, 0, sizeof(row));
	row.ticket = ticket;
	row.number = number;
	snprintf(row.name, sizeof(row.name), "%s", name);
	tell(login, IPC_ROW, &row);
}

/* The rows of sessions are the maildrops' to give. */
static void
on_report(struct login *login, struct ipc_message *message)
{
	struct ipc_report_end end;

	memset(&end, 0, sizeof(end));
	end.ticket = message->body.report.ticket;
	if (message->body.report.kind == IPC_REPORT_COUNTS) {
		tell_count(login, end.ticket, "connections before login", login->young.count);
		tell_count(login, end.ticket, "tls sessions pumped",
		    login->pumps.count + login->slow.count);
		end.number = 2;
	}
	tell(login, IPC_REPORT_END, &end);
}

/* Who has logged in belongs to a maildrop, which is told as well. */
static void
on_kick(struct login *login, struct ipc_message *message)
{
	struct deadline *next, *deadline = deadlines_first(&login->young);
	uint64_t session = message->body.kick.session;
	struct ipc_report_end end;

	memset(&end, 0, sizeof(end));
	end.ticket = message->body.kick.ticket;
	for (; session != 0 && deadline != NULL; deadline = next) {
		next = deadlines_next(&login->young, deadline);
		if (connection_of(deadline)->session != session)
			continue;
		connection_end(connection_of(deadline), "kicked");
		end.number++;
	}
	tell(login, IPC_REPORT_END, &end);
}

static const struct {
	enum ipc_type type;
	void (*run)(struct login *, struct ipc_message *);
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
	{ IPC_KICK, on_kick },
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

/* Without its parent a login process has no purpose. */
static void
parent_gone(struct link *link, const struct error *error)
{
	struct login *login = link->owner;

	if (!login->stopping)
		LOG(LOG_LEVEL_INFO, "parent-gone", LOG_REASON(error));
	login_stop(login, 0);
}

int
control_open(struct login *login, int descriptor, struct error *error)
{
	struct link *link = &login->parent;

	link->owner = login;
	link->received = hear;
	link->gone = parent_gone;
	return link_open(link, &login->loop, descriptor, IPC_LOGIN, IPC_PARENT, error);
}
