/* What a child is told at its start, in this order, and again when it changes. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

void
tell(struct child *child, enum ipc_type type, const void *body, int descriptor)
{
	struct error error;

	if (child->control.descriptor < 0 ||
	    channel_send(&child->control, type, body, descriptor, &error) == 0)
		return;
	LOG(LOG_LEVEL_ERROR, "child-unreachable", LOG_TEXT("process", program_name(child->role)),
	    LOG_NUMBER("pid", child->pid), LOG_REASON(&error));
	channel_close(&child->control);
	child->kill_at = clock_milliseconds();
}

void
send_log(struct parent *parent, struct child *child)
{
	tell(child, IPC_LOG, &(struct ipc_log){ parent->log_form }, parent->log_descriptor);
}

void
send_settings(struct parent *parent, struct child *child)
{
	tell(child, IPC_SETTINGS, NULL, parent->settings);
	if ((child->role == IPC_LOGIN || child->role == IPC_LMTP) && parent->keys >= 0)
		tell(child, IPC_KEYS, NULL, parent->keys);
}

void
send_listeners(struct parent *parent, struct child *child)
{
	for (size_t i = 0; i < parent->listeners.count; i++) {
		const struct listening *listening = &parent->listeners.list[i];
		struct ipc_listener message;

		if ((listening->protocol == CONFIG_LMTP) != (child->role == IPC_LMTP))
			continue;
		memset(&message, 0, sizeof(message));
		message.generation = parent->generation;
		message.protocol = listening->protocol;
		message.tls = listening->tls;
		snprintf(message.address, sizeof(message.address), "%s", listening->text);
		tell(child, IPC_LISTENER, &message, listening->socket);
	}
	tell(child, IPC_ACCEPT, &(struct ipc_accept){ parent->generation, child->slot }, -1);
}

void
hello(struct parent *parent, struct child *child)
{
	send_settings(parent, child);
	/* It starts with our descriptor 2, and plain lines. */
	if (parent->log_form != LOG_FORM_PLAIN)
		send_log(parent, child);
	if (child->role == IPC_LOGIN || child->role == IPC_LMTP) {
		tell(child, IPC_TICKET_KEYS, &parent->ticket_keys, -1);
		send_listeners(parent, child);
		(void)ring_join(parent, child);
	}
	if (child->role == IPC_AUTH)
		ring_join_all(parent);
}
