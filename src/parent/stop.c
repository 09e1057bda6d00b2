/*
 * The end: restante-login and restante-maildrop finish what runs, then auth goes; what is left
 * when the time is over is killed.
 */

#include <signal.h>

#include "base/clock.h"
#include "parent/parent.h"

static bool
any_left(const struct parent *parent, bool auth)
{
	for (const struct child *child = parent->children; child != NULL; child = child->next)
		if (child->pid > 0 && (child->role == IPC_AUTH) == auth)
			return true;
	return false;
}

void
stop_begin(struct parent *parent)
{
	uint32_t grace = (uint32_t)parent->config.stop_grace_seconds;

	/* Asked twice: whoever asks is in a hurry. No mail is lost by it. */
	if (parent->stopping) {
		parent->stop_deadline = clock_milliseconds();
		return;
	}
	LOG(LOG_LEVEL_INFO, "stopping", LOG_NUMBER("grace_seconds", grace));
	notify_stopping(grace);
	parent->stopping = true;
	parent->stop_deadline = clock_milliseconds() + grace * 1000ull;
	if (parent->trial.pid > 0)
		kill(parent->trial.pid, SIGKILL);
	for (struct child *child = parent->children; child != NULL; child = child->next) {
		child->wanted = false;
		if (child->role != IPC_AUTH || child->pid == 0)
			child_stop(parent, child, grace);
	}
}

uint64_t
stop_due(struct parent *parent, uint64_t now)
{
	if (!parent->stopping)
		return NEVER;
	for (struct child *child = parent->children; child != NULL; child = child->next) {
		if (child->pid > 0 && parent->stop_deadline <= now)
			child->kill_at = now;
		else if (child->pid > 0 && child->role == IPC_AUTH &&
			 child->state != CHILD_STOPPING && !any_left(parent, false))
			child_stop(parent, child, (uint32_t)((parent->stop_deadline - now) / 1000));
	}
	return parent->stop_deadline <= now ? NEVER : parent->stop_deadline;
}

bool
stop_finished(struct parent *parent)
{
	return parent->stopping && parent->trial.pid == 0 && !any_left(parent, false) &&
	       !any_left(parent, true);
}
