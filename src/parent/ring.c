/*
 * The ring: a channel between each restante-login and auth, auth and each restante-maildrop, and each
 * restante-login and each restante-maildrop.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

#define REJOIN_MILLISECONDS 500
#define REDOOR_MILLISECONDS 100

static void
tell_auth(struct child *auth, const struct child *other, int end)
{
	struct ipc_started started;

	if (other->role == IPC_LOGIN) {
		tell(auth, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_LOGIN, other->slot }, end);
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
	struct child *auth = child_find_auth(parent);

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

/* Without it clients of that login cannot come to that maildrop, and are told to try again. */
static void
join_login(struct child *login, struct child *maildrop)
{
	int ends[2];

	if (make_pair(maildrop, ends) < 0)
		return;
	tell(maildrop, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_LOGIN, login->slot }, ends[0]);
	tell(login, IPC_CHANNEL, &(struct ipc_channel_for){ IPC_MAILDROP, maildrop->number }, ends[1]);
	close(ends[0]);
	close(ends[1]);
}

static bool
serves(const struct child *child, enum ipc_role role)
{
	if (child->role != role || child->pid <= 0 || child->state == CHILD_STOPPING)
		return false;
	return role == IPC_LOGIN || (child->state == CHILD_READY && !child->retired);
}

/* Those of the other kind come before auth: it speaks of nobody whom they do not know. */
int
ring_join(struct parent *parent, struct child *child)
{
	for (struct child *other = parent->children; other != NULL; other = other->next) {
		if (child->role == IPC_MAILDROP && serves(other, IPC_LOGIN))
			join_login(other, child);
		if (child->role == IPC_LOGIN && serves(other, IPC_MAILDROP))
			join_login(child, other);
	}
	return join_auth(parent, child);
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
	(void)join_auth(parent, child);
}

void
ring_door_again(struct parent *parent, struct child *login, uint32_t number)
{
	struct child *child = parent->children;
	uint64_t now = clock_milliseconds();

	while (child != NULL && (!serves(child, IPC_MAILDROP) || child->number != number))
		child = child->next;
	if (child == NULL || !serves(login, IPC_LOGIN) ||
	    now - login->door_made_at < REDOOR_MILLISECONDS)
		return;
	LOG(LOG_LEVEL_WARNING, "door-lost", LOG_NUMBER("slot", login->slot),
	    LOG_NUMBER("maildrop", child->pid));
	login->door_made_at = now;
	join_login(login, child);
}

void
ring_join_all(struct parent *parent)
{
	for (struct child *child = parent->children; child != NULL; child = child->next)
		if (serves(child, IPC_LOGIN) || serves(child, IPC_MAILDROP))
			(void)join_auth(parent, child);
}
