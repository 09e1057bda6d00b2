/*
 * The ring: a channel between auth and each of restante-login, restante-lmtp and restante-maildrop, and between
 * each restante-maildrop and each restante-login and restante-lmtp.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

#define REJOIN_MILLISECONDS 500
#define REDOOR_MILLISECONDS 100

/* What strangers reach, and has doors to the maildrop processes. */
static bool
is_front(const struct child *child)
{
	return child->role == IPC_LOGIN || child->role == IPC_LMTP;
}

static void
tell_auth(struct child *auth, const struct child *other, int end)
{
	struct ipc_started started;

	if (is_front(other)) {
		tell(auth, IPC_CHANNEL, &(struct ipc_channel_for){ other->role, other->slot }, end);
		return;
	}
	memset(&started, 0, sizeof(started));
	started.number = other->number;
	started.uid = other->uid;
	started.gid = other->gid;
	snprintf(started.root, sizeof(started.root), "%s", other->root);
	tell(auth, IPC_STARTED, &started, end);
}

/* NULL: it does not run; whoever starts it joins all. */
static struct child *
running_auth(struct parent *parent)
{
	struct child *auth = child_find(parent, IPC_AUTH);

	return auth != NULL && auth->pid != 0 && auth->state != CHILD_STOPPING ? auth : NULL;
}

static int
make_pair(const struct child *child, int ends[2])
{
	struct error error;

	if (ipc_pair(ends, &error) == 0)
		return 0;
	LOG(LOG_LEVEL_ERROR, "channel-failed", LOG_TEXT("process", program_name(child->role)),
	    LOG_NUMBER("pid", child->pid), LOG_REASON(&error));
	return -1;
}

static int
join_auth(struct parent *parent, struct child *child)
{
	struct child *auth = running_auth(parent);
	int ends[2];

	child->joined_at = clock_milliseconds();
	if (auth == NULL)
		return 0;
	if (make_pair(child, ends) < 0)
		return -1;
	tell(child, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_AUTH, child->slot }, ends[0]);
	tell_auth(auth, child, ends[1]);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* Without it clients of that process cannot come to that maildrop, and are told to try again. */
static void
join_front(struct child *front, struct child *maildrop)
{
	int ends[2];

	if (make_pair(maildrop, ends) < 0)
		return;
	tell(maildrop, IPC_CHANNEL, &(struct ipc_channel_for){ front->role, front->slot }, ends[0]);
	tell(front, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_MAILDROP, maildrop->number }, ends[1]);
	close(ends[0]);
	close(ends[1]);
}

static bool
is_at_work(const struct child *child)
{
	if (child->pid <= 0 || child->state == CHILD_STOPPING)
		return false;
	return is_front(child) || (child->role == IPC_MAILDROP && child->state == CHILD_READY && !child->retired);
}

/* Those of the other kind come before auth: it speaks of nobody whom they do not know. */
int
ring_join(struct parent *parent, struct child *child)
{
	for (struct child *other = parent->children; other != NULL; other = other->next) {
		if (child->role == IPC_MAILDROP && is_front(other) && is_at_work(other))
			join_front(other, child);
		if (is_front(child) && other->role == IPC_MAILDROP && is_at_work(other))
			join_front(child, other);
	}
	return join_auth(parent, child);
}

/*
 * A process out of its mind must not keep auth busy with new channels. One in its senses
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
	(void)join_auth(parent, child);
}

void
ring_door_again(struct parent *parent, struct child *front, uint32_t number)
{
	struct child *child = parent->children;
	uint64_t now = clock_milliseconds();

	while (child != NULL &&
	    (child->role != IPC_MAILDROP || !is_at_work(child) || child->number != number))
		child = child->next;
	if (child == NULL || !is_front(front) || !is_at_work(front) ||
	    now - front->door_made_at < REDOOR_MILLISECONDS)
		return;
	LOG(LOG_LEVEL_WARNING, "door-lost", LOG_TEXT("process", program_name(front->role)),
	    LOG_NUMBER("slot", front->slot), LOG_NUMBER("maildrop", child->pid));
	front->door_made_at = now;
	join_front(front, child);
}

void
ring_join_all(struct parent *parent)
{
	for (struct child *child = parent->children; child != NULL; child = child->next)
		if (is_at_work(child))
			(void)join_auth(parent, child);
}
