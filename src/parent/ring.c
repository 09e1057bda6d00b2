/* The ring: a channel between each restante-login and auth, and auth and each restante-maildrop. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

#define REJOIN_MILLISECONDS 500

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

/* NULL: it does not run; whoever starts it joins all. */
static struct child *
running_auth(struct parent *parent)
{
	struct child *auth = child_find_auth(parent);

	return auth != NULL && auth->pid != 0 && auth->state != CHILD_STOPPING ? auth : NULL;
}

int
ring_join(struct parent *parent, struct child *child)
{
	struct child *auth = running_auth(parent);
	struct error error;
	int ends[2];

	child->joined_at = clock_milliseconds();
	if (auth == NULL)
		return 0;
	if (ipc_pair(ends, &error) < 0) {
		LOG(LOG_LEVEL_ERROR, "channel-failed",
		    LOG_TEXT("process", program_name(child->role)), LOG_NUMBER("pid", child->pid),
		    LOG_REASON(&error));
		return -1;
	}
	tell(child, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_AUTH, child->slot }, ends[0]);
	tell_auth(auth, child, ends[1]);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/*
 * A login process out of its mind must not keep auth busy with new channels. One in its senses
 * asks again every second.
 */
void
ring_join_again(struct parent *parent, struct child *child)
{
	if (child->state == CHILD_STOPPING || running_auth(parent) == NULL ||
	    clock_milliseconds() - child->joined_at < REJOIN_MILLISECONDS)
		return;
	LOG(LOG_LEVEL_WARNING, "channel-lost", LOG_TEXT("process", program_name(child->role)),
	    LOG_NUMBER("pid", child->pid));
	(void)ring_join(parent, child);
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
			(void)ring_join(parent, child);
	}
}
