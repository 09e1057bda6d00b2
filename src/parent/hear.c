/* What children say to their parent: a table of a few messages. */

#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

/* So that one that talks without end leaves us time for the others. */
#define MESSAGES_PER_TURN 200
/* One that has closed its channel is about to end; if it does not, it is helped. */
#define FAREWELL_MILLISECONDS 5000

static bool
everybody_ready(const struct parent *parent)
{
	for (const struct child *child = parent->children; child != NULL; child = child->next)
		if (child->role != IPC_MAILDROP && child->wanted && child->state != CHILD_READY)
			return false;
	return true;
}

static void
announce(struct parent *parent)
{
	if (parent->announced || parent->stopping || !everybody_ready(parent))
		return;
	parent->announced = true;
	for (size_t i = 0; i < parent->listeners.count; i++)
		LOG(LOG_LEVEL_INFO, "listening",
		    LOG_TEXT("address", parent->listeners.list[i].text),
		    LOG_TEXT("protocol",
			config_listener_keys[2].choices[parent->listeners.list[i].protocol]),
		    LOG_TEXT(
			"tls", config_listener_keys[3].choices[parent->listeners.list[i].tls]));
	LOG(LOG_LEVEL_INFO, "ready", LOG_NUMBER("login_processes", login_count(&parent->config)));
	notify("READY=1\nSTATUS=serving");
}

static void
hear_ready(struct parent *parent, struct child *child, const union ipc_body *body)
{
	(void)body;
	if (child->state != CHILD_STARTING)
		return;
	child->state = CHILD_READY;
	child->kill_at = NEVER;
	if (child->role == IPC_MAILDROP)
		maildrop_ready(parent, child);
	else
		announce(parent);
}

static void
hear_start(struct parent *parent, struct child *child, const union ipc_body *body)
{
	(void)child;
	maildrop_wanted(parent, &body->start);
}

static void
hear_row(struct parent *parent, struct child *child, const union ipc_body *body)
{
	report_row(parent, child, &body->row);
}

static void
hear_report_end(struct parent *parent, struct child *child, const union ipc_body *body)
{
	report_end(parent, child, &body->report_end);
}

static void
hear_channel_lost(struct parent *parent, struct child *child, const union ipc_body *body)
{
	if (body->channel.role == IPC_MAILDROP)
		ring_door_again(parent, child, body->channel.slot);
	else
		ring_join_again(parent, child);
}

static void (*const handlers[IPC_TYPE_COUNT])(
    struct parent *, struct child *, const union ipc_body *) = {
	[IPC_READY] = hear_ready,
	[IPC_START] = hear_start,
	[IPC_ROW] = hear_row,
	[IPC_REPORT_END] = hear_report_end,
	[IPC_CHANNEL_LOST] = hear_channel_lost,
};

void
child_hear(struct parent *parent, struct child *child)
{
	struct ipc_message message;
	struct error error;
	int status = 0;

	for (int i = 0; i < MESSAGES_PER_TURN && child->control.descriptor >= 0; i++) {
		status = channel_receive(&child->control, &message, &error);
		if (status <= 0)
			break;
		if (handlers[message.type] != NULL)
			handlers[message.type](parent, child, &message.body);
		if (message.descriptor >= 0)
			close(message.descriptor);
	}
	if (status >= 0)
		return;
	if (error.kind != ERROR_GONE)
		LOG(LOG_LEVEL_ERROR, "child-broken", LOG_TEXT("process", program_name(child->role)),
		    LOG_NUMBER("pid", child->pid), LOG_REASON(&error));
	channel_close(&child->control);
	child->kill_at =
	    clock_milliseconds() + (error.kind == ERROR_GONE ? FAREWELL_MILLISECONDS : 0);
}
