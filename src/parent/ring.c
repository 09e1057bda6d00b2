/* The ring: a channel between each restante-login and auth, and auth and each restante-maildrop. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parent/parent.h"

static void
tell_auth(struct child *auth, const struct child *other, int end)
{
	struct ipc_started started;

	if (other->role == IPC_LOGIN) {
		tell(auth, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_LOGIN, other->slot }, end);
		return;
	}
	memset(&started, 0, sizeof(started));
	started.uid = other->uid;
	started.gid = other->gid;
	snprintf(started.root, sizeof(started.root), "%s", other->root);
	tell(auth, IPC_STARTED, &started, end);
}

void
ring_join(struct parent *parent, struct child *child)
{
	struct child *auth = child_find_auth(parent);
	struct error error;
	int ends[2];

	if (auth == NULL || auth->pid == 0 || auth->state == CHILD_STOPPING)
		return;
	if (ipc_pair(ends, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "channel-failed",
		    LOG_TEXT("process", program_name(child->role)), LOG_NUMBER("pid", child->pid),
		    LOG_REASON(&error));
		return;
	}
	tell(child, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_AUTH, child->slot }, ends[0]);
	tell_auth(auth, child, ends[1]);
	close(ends[0]);
	close(ends[1]);
}

void
ring_join_all(struct parent *parent)
{
	for (struct child *child = parent->children; child != NULL; child = child->next) {
		bool login =
		    child->role == IPC_LOGIN && child->pid > 0 && child->state != CHILD_STOPPING;
		bool maildrop =
		    child->role == IPC_MAILDROP && child->state == CHILD_READY && !child->retired;

		if (login || maildrop)
			ring_join(parent, child);
	}
}
