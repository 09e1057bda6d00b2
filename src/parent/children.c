/* The list of children: they are started, started again with back-off, and buried. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

/* How long the crash of a maildrop process is remembered behind its back-off. */
#define MEMORY_MILLISECONDS 60000
/* For those whose sessions shall end by themselves. */
#define ENDLESS_SECONDS 1000000

struct child *
child_add(struct parent *parent, enum ipc_role role)
{
	struct child *child = calloc(1, sizeof(*child));

	if (child == NULL)
		return NULL;
	child->role = role;
	child->control.descriptor = -1;
	child->kill_at = NEVER;
	child->wanted = true;
	child->next = parent->children;
	parent->children = child;
	parent->maildrop_count += role == IPC_MAILDROP;
	return child;
}

struct child *
child_find(struct parent *parent, enum ipc_role role)
{
	for (struct child *child = parent->children; child != NULL; child = child->next)
		if (child->role == role && !child->gone && (role == IPC_AUTH || child->wanted))
			return child;
	return NULL;
}

static const struct identity *
identity_of(const struct parent *parent, const struct child *child, struct identity *owner)
{
	if (!parent->root)
		return NULL;
	*owner = (struct identity){ child->uid, child->gid };
	if (child->role == IPC_LOGIN)
		*owner = parent->identities.login;
	if (child->role == IPC_AUTH)
		*owner = parent->identities.auth;
	if (child->role == IPC_LMTP)
		*owner = parent->identities.lmtp;
	return owner;
}

/* What the sandbox of a child has to know before its first message. */
static void
arguments_of(const struct parent *parent, const struct child *child, struct spawn *what)
{
	what->argv[0] = program_name(child->role);
	if (child->role == IPC_AUTH) {
		what->argv[1] = "--users-file";
		what->argv[2] = parent->config.users_file;
	}
	if (child->role == IPC_LMTP) {
		spool_make(parent);
		what->argv[1] = "--spool";
		what->argv[2] = parent->config.lmtp_spool_directory;
	}
	if (child->role == IPC_MAILDROP) {
		what->argv[1] = "--root";
		what->argv[2] = child->root;
		if (indexes_make(parent, child, what->index)) {
			what->argv[3] = "--index";
			what->argv[4] = what->index;
		}
	}
}

static void
later(struct child *child, uint64_t now)
{
	child->backoff_milliseconds =
	    backoff_next(child->backoff_milliseconds, now - child->started_at);
	child->retry_at = now + child->backoff_milliseconds;
}

/* Whatever its end: auth is told if it waits, and a failure has to wait for its next start. */
static void
child_down(struct parent *parent, struct child *child, bool failed)
{
	bool starting = child->state == CHILD_STARTING;
	bool stopping = child->state == CHILD_STOPPING;
	uint64_t now = clock_milliseconds();

	child->pid = 0;
	child->kill_at = NEVER;
	child->state = CHILD_DOWN;
	channel_close(&child->control);
	report_child_gone(parent, child);
	if (child->role == IPC_MAILDROP) {
		child->wanted = false;
		if (starting)
			maildrop_failed(
			    parent, child, "restante-maildrop did not start; see the log");
		child->gone = !failed || child->retired;
	} else {
		child->gone = !child->wanted;
		child->restart_count++;
	}
	if (stopping)
		child->retry_at = now;
	else
		later(child, now);
}

void
child_start(struct parent *parent, struct child *child)
{
	struct spawn what = { .role = child->role, .output = -1 };
	struct identity owner;
	struct error error;
	int control;

	arguments_of(parent, child, &what);
	what.identity = identity_of(parent, child, &owner);
	child->number = child->role == IPC_MAILDROP ? ++parent->last_maildrop : 0;
	child->started_at = clock_milliseconds();
	child->state = CHILD_STARTING;
	child->pid = spawn(parent, &what, &control, &error);
	if (child->pid < 0) {
		LOG(LOG_LEVEL_ERROR, "child-not-started", LOG_TEXT("process", what.argv[0]),
		    LOG_REASON(&error));
		child_down(parent, child, true);
		return;
	}
	child->kill_at = child->started_at + START_MILLISECONDS;
	channel_open(&child->control, control, IPC_PARENT, child->role);
	LOG(LOG_LEVEL_DEBUG, "child-started", LOG_TEXT("process", what.argv[0]),
	    LOG_NUMBER("pid", child->pid));
	hello(parent, child);
}

void
child_stop(struct parent *parent, struct child *child, uint32_t grace_seconds)
{
	if (child->pid == 0) {
		if (!child->wanted)
			child->gone = true;
		return;
	}
	child->state = CHILD_STOPPING;
	if (grace_seconds < ENDLESS_SECONDS)
		child->kill_at = clock_milliseconds() + grace_seconds * 1000ull;
	else
		child->kill_at = NEVER;
	tell(child, IPC_STOP, &(struct ipc_stop){ grace_seconds }, -1);
	report_child_gone(parent, child);
}

size_t
login_count(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t count = config->login_processes != 0 ? (size_t)config->login_processes
		       : cores > 0                  ? (size_t)cores
						    : 1;

	return count < LOGINS_MAX ? count : LOGINS_MAX;
}

static struct child *
find_login(struct parent *parent, uint32_t slot)
{
	for (struct child *child = parent->children; child != NULL; child = child->next)
		if (child->role == IPC_LOGIN && child->wanted && child->slot == slot)
			return child;
	return NULL;
}

/* One that is on its way out has one too: what is said to it must not go to the next. */
static uint32_t
free_slot(const struct parent *parent, enum ipc_role role, const struct child *self)
{
	const struct child *child = parent->children;
	uint32_t slot = 0;

	while (child != NULL) {
		bool taken = child != self && child->role == role && child->slot == slot;

		slot += taken;
		child = taken ? parent->children : child->next;
	}
	return slot;
}

/* What it is about when the last listener for LMTP goes is finished. */
static void
lmtp_adjust(struct parent *parent)
{
	bool wanted = config_speaks(&parent->config, CONFIG_LMTP);
	struct child *child = child_find(parent, IPC_LMTP);

	if (child == NULL && wanted && (child = child_add(parent, IPC_LMTP)) != NULL) {
		child->slot = free_slot(parent, IPC_LMTP, child);
		child_start(parent, child);
	} else if (child != NULL && !wanted) {
		child->wanted = false;
		child_stop(parent, child, (uint32_t)parent->config.stop_grace_seconds);
	}
}

void
children_adjust(struct parent *parent)
{
	size_t count = login_count(&parent->config);
	struct child *child;

	if (child_find(parent, IPC_AUTH) == NULL && (child = child_add(parent, IPC_AUTH)) != NULL)
		child_start(parent, child);
	for (uint32_t slot = 0; slot < count; slot++) {
		if (find_login(parent, slot) != NULL ||
		    (child = child_add(parent, IPC_LOGIN)) == NULL)
			continue;
		child->slot = slot;
		child_start(parent, child);
	}
	lmtp_adjust(parent);
	/* Connections in what is too many go on until they end. */
	for (child = parent->children; child != NULL; child = child->next) {
		if (child->role == IPC_LOGIN && child->wanted && child->slot >= count) {
			child->wanted = false;
			child_stop(parent, child, ENDLESS_SECONDS);
		}
	}
}

static void
child_ended(struct parent *parent, struct child *child, int status)
{
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	bool expected = !failed && (child->state == CHILD_STOPPING || child->role == IPC_MAILDROP);
	pid_t pid = child->pid;

	child_down(parent, child, failed);
	if (expected)
		LOG(LOG_LEVEL_DEBUG, "child-ended", LOG_TEXT("process", program_name(child->role)),
		    LOG_NUMBER("pid", pid));
	else
		LOG(LOG_LEVEL_ERROR, "child-died", LOG_TEXT("process", program_name(child->role)),
		    LOG_NUMBER("pid", pid),
		    LOG_NUMBER("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
		    LOG_TEXT(
			"signal", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "none"),
		    LOG_NUMBER("restart_milliseconds",
			child->wanted ? child->retry_at - clock_milliseconds() : 0));
}

void
children_reap(struct parent *parent)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = parent->children;

		if (pid == parent->trial.pid) {
			reload_decided(parent, WIFEXITED(status) && WEXITSTATUS(status) == 0);
			continue;
		}
		while (child != NULL && child->pid != pid)
			child = child->next;
		if (child != NULL)
			child_ended(parent, child, status);
	}
}

void
children_sweep(struct parent *parent)
{
	struct child **link = &parent->children;

	while (*link != NULL) {
		struct child *child = *link;

		if (!child->gone) {
			link = &child->next;
			continue;
		}
		*link = child->next;
		parent->maildrop_count -= child->role == IPC_MAILDROP;
		free(child->root);
		free(child);
	}
}

static uint64_t
child_due(struct parent *parent, struct child *child, uint64_t now)
{
	if (child->kill_at <= now) {
		LOG(LOG_LEVEL_WARNING, "child-killed",
		    LOG_TEXT("process", program_name(child->role)), LOG_NUMBER("pid", child->pid));
		kill(child->pid, SIGKILL);
		child->kill_at = NEVER;
	}
	if (child->state != CHILD_DOWN || child->gone)
		return child->kill_at;
	if (child->wanted && child->retry_at <= now) {
		child_start(parent, child);
		return now;
	}
	if (!child->wanted && child->retry_at + MEMORY_MILLISECONDS <= now)
		child->gone = true;
	return child->wanted ? child->retry_at : child->retry_at + MEMORY_MILLISECONDS;
}

uint64_t
children_due(struct parent *parent, uint64_t now)
{
	uint64_t next = NEVER;

	for (struct child *child = parent->children; child != NULL; child = child->next) {
		uint64_t due = child_due(parent, child, now);

		if (due < next)
			next = due;
	}
	return next;
}
