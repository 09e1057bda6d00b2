/* See control.h, and front/neighbours.h for what the parent says to lmtp as well. */

#include "login/control.h"

#include <string.h>

#include "base/log.h"
#include "login/authentication.h"
#include "login/connection.h"
#include "login/greeting.h"
#include "login/login.h"
#include "login/pump.h"

static void
on_settings(void *owner, struct ipc_message *message)
{
	struct login *login = owner;
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

static void
on_accept(void *owner, struct ipc_message *message)
{
	struct login *login = owner;

	if (login->stopping)
		return;
	listeners_accept(&login->listeners, message->body.accept.generation);
	duty_begin(login, message->body.accept.slot);
	if (!login->ready)
		neighbours_ready(&login->neighbours);
	login->ready = true;
}

static void
on_stop(void *owner, struct ipc_message *message)
{
	login_stop(owner, message->body.stop.grace_seconds);
}

/* The rows of sessions are the maildrops' to give. */
static void
on_report(void *owner, struct ipc_message *message)
{
	struct login *login = owner;
	struct ipc_report_end end;

	memset(&end, 0, sizeof(end));
	end.ticket = message->body.report.ticket;
	if (message->body.report.kind == IPC_REPORT_COUNTS) {
		neighbours_tell_count(&login->neighbours, end.ticket, "connections before login",
		    login->young.count);
		neighbours_tell_count(&login->neighbours, end.ticket, "tls sessions pumped",
		    login->pumps.count + login->slow.count);
		end.number = 2;
	}
	neighbours_tell(&login->neighbours, IPC_REPORT_END, &end);
}

/* Who has logged in belongs to a maildrop, which is told as well. */
static void
on_kick(void *owner, struct ipc_message *message)
{
	struct login *login = owner;
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
	neighbours_tell(&login->neighbours, IPC_REPORT_END, &end);
}

static const struct said said[] = {
	{ IPC_SETTINGS, on_settings },
	{ IPC_ACCEPT, on_accept },
	{ IPC_STOP, on_stop },
	{ IPC_REPORT, on_report },
	{ IPC_KICK, on_kick },
	{ .run = NULL },
};

/* Without its parent a login process has no purpose. */
static void
parent_gone(void *owner)
{
	login_stop(owner, 0);
}

static void
answered(void *owner, struct ipc_message *message)
{
	authentication_answered(owner, message);
}

static void
auth_lost(void *owner)
{
	authentication_lost(owner);
}

int
control_open(struct login *login, int descriptor, struct error *error)
{
	login->neighbours = (struct neighbours){ .self = IPC_LOGIN, .loop = &login->loop,
		.parent = &login->parent, .auth = &login->auth, .listeners = &login->listeners,
		.keyring = &login->keyring, .doors = &login->doors, .stopping = &login->stopping, .owner = login,
		.said = said, .parent_gone = parent_gone, .answered = answered, .auth_lost = auth_lost };
	return neighbours_open(&login->neighbours, descriptor, error);
}
