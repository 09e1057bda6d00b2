/*
 * The event loop: one poll(2) over the signals, the control socket, and the channels to
 * everybody; between two of them what is due.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

/* Rows that may wait for a restantectl before its children are read no further. */
#define ROWS_WAITING_MAX 1000

struct watch {
	struct pollfd *polled; /* parallel to whose */
	struct child **whose;  /* NULL: not a child's */
	size_t count, size;
};

enum {
	WATCH_SIGNALS,
	WATCH_CONTROL,
	WATCH_TRIAL,
	WATCH_CTLS,
	WATCH_CHILDREN = WATCH_CTLS + CTLS_MAX
};

static int
signals_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
signals_hear(struct parent *parent, int descriptor)
{
	struct signalfd_siginfo signal;

	while (read(descriptor, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		if (signal.ssi_signo == SIGCHLD)
			children_reap(parent);
		else if (signal.ssi_signo == SIGHUP)
			reload_begin(parent);
		else
			stop_begin(parent);
	}
}

static bool
watch_room(struct watch *watch, size_t count)
{
	struct pollfd *polled;
	struct child **whose;

	if (count <= watch->size)
		return true;
	count *= 2;
	polled = reallocarray(watch->polled, count, sizeof(*polled));
	if (polled != NULL)
		watch->polled = polled;
	whose = reallocarray(watch->whose, count, sizeof(*whose));
	if (whose != NULL)
		watch->whose = whose;
	if (polled == NULL || whose == NULL)
		return false;
	watch->size = count;
	return true;
}

static short
channel_events(const struct ipc_channel *channel, bool listen)
{
	return (short)((listen ? POLLIN : 0) | (channel_wants_write(channel) ? POLLOUT : 0));
}

/* A reader that is slow to take its rows slows down those that send them. */
static bool
child_listened_to(const struct parent *parent, const struct child *child)
{
	for (size_t i = 0; i < CTLS_MAX; i++)
		if (child->asked[i] != 0 && child->asked[i] == parent->ctls[i].ticket &&
		    parent->ctls[i].channel.queued_count > ROWS_WAITING_MAX)
			return false;
	return true;
}

static bool
watch_all(struct parent *parent, struct watch *watch, int signals)
{
	if (!watch_room(watch, WATCH_CHILDREN))
		return false;
	watch->polled[WATCH_SIGNALS] = (struct pollfd){ .fd = signals, .events = POLLIN };
	watch->polled[WATCH_CONTROL] = (struct pollfd){ .fd = parent->control, .events = POLLIN };
	watch->polled[WATCH_TRIAL] =
	    (struct pollfd){ .fd = parent->trial.output, .events = POLLIN };
	for (size_t i = 0; i < CTLS_MAX; i++) {
		const struct ctl *ctl = &parent->ctls[i];

		watch->polled[WATCH_CTLS + i] = (struct pollfd){ .fd = ctl->channel.descriptor,
			.events = channel_events(&ctl->channel, ctl->ticket == 0 && !ctl->reload) };
	}
	watch->count = WATCH_CHILDREN;
	for (struct child *child = parent->children; child != NULL; child = child->next) {
		if (child->control.descriptor < 0)
			continue;
		if (!watch_room(watch, watch->count + 1))
			return false;
		watch->whose[watch->count] = child;
		watch->polled[watch->count++] = (struct pollfd){ .fd = child->control.descriptor,
			.events =
			    channel_events(&child->control, child_listened_to(parent, child)) };
	}
	return true;
}

static void
turn_ctls(struct parent *parent, const struct watch *watch)
{
	struct error error;

	for (size_t i = 0; i < CTLS_MAX; i++) {
		struct ctl *ctl = &parent->ctls[i];
		short events = watch->polled[WATCH_CTLS + i].revents;

		if (events & POLLOUT && channel_flush(&ctl->channel, &error) < 0)
			channel_close(&ctl->channel);
		/* Gone while it waits for an answer: nobody reads that one. */
		if (events & (POLLHUP | POLLERR) && (ctl->ticket != 0 || ctl->reload)) {
			channel_close(&ctl->channel);
			ctl->ticket = 0;
			ctl->reload = false;
		}
		if (events & (POLLIN | POLLHUP | POLLERR) && ctl->channel.descriptor >= 0)
			ctl_hear(parent, ctl);
	}
}

static void
turn_children(struct parent *parent, const struct watch *watch)
{
	struct error error;

	for (size_t i = WATCH_CHILDREN; i < watch->count; i++) {
		struct child *child = watch->whose[i];
		short events = watch->polled[i].revents;

		if (events == 0 || child->control.descriptor != watch->polled[i].fd)
			continue;
		if (events & POLLOUT)
			(void)channel_flush(&child->control, &error);
		if (events & (POLLIN | POLLHUP | POLLERR))
			child_hear(parent, child);
	}
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Does what is due, and returns how long poll() may wait. */
static int
due(struct parent *parent)
{
	uint64_t now = clock_milliseconds(), next = stop_due(parent, now);

	next = least(next, report_due(parent, now));
	next = least(next, logging_due(parent, now));
	if (parent->ticket_keys_due <= now)
		ticket_keys_renew(parent);
	next = least(next, parent->ticket_keys_due);
	if (parent->trial.kill_at <= now && parent->trial.pid > 0) {
		kill(parent->trial.pid, SIGKILL);
		parent->trial.kill_at = NEVER;
	}
	next = least(next, parent->trial.kill_at);
	next = least(next, children_due(parent, now));
	children_sweep(parent);
	if (next <= now)
		return 0;
	return next - now > 60000 ? 60000 : (int)(next - now);
}

int
loop_run(struct parent *parent)
{
	struct watch watch = { .count = 0 };
	int signals = signals_open();

	if (signals < 0)
		return EX_OSERR;
	ticket_keys_renew(parent);
	children_adjust(parent);
	while (!stop_finished(parent)) {
		int wait = due(parent);

		if (!watch_all(parent, &watch, signals))
			return EX_OSERR;
		if (poll(watch.polled, watch.count, wait) < 0 && errno != EINTR)
			return EX_OSERR;
		if (watch.polled[WATCH_CONTROL].revents)
			control_accept(parent);
		if (watch.polled[WATCH_TRIAL].revents && parent->trial.output >= 0)
			trial_hear(&parent->trial);
		turn_ctls(parent, &watch);
		turn_children(parent, &watch);
		if (watch.polled[WATCH_SIGNALS].revents)
			signals_hear(parent, signals);
	}
	free(watch.polled);
	free(watch.whose);
	close(signals);
	return 0;
}
