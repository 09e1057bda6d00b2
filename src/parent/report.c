/*
 * A question of restantectl goes to every child that may be asked it (ipc_rules[] says which);
 * their rows go back as they come, the result when all have answered, died, or taken too long.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

#define ANSWER_MILLISECONDS 5000

static void
row_send(struct ctl *ctl, const char *process, pid_t pid, const struct ipc_row *row)
{
	struct ipc_ctl_row message;
	struct error error;

	memset(&message, 0, sizeof(message));
	snprintf(message.process, sizeof(message.process), "%s", process);
	message.pid = pid;
	message.row = *row;
	/* More than may wait for a reader that slow: it gets nothing rather than a part. */
	if (ctl->channel.descriptor >= 0 &&
	    channel_send(&ctl->channel, IPC_CTL_ROW, &message, -1, &error) < 0)
		channel_close(&ctl->channel);
}

/* What we know ourselves of each process. */
static void
process_rows(struct parent *parent, struct ctl *ctl, uint64_t now)
{
	struct ipc_row row;

	memset(&row, 0, sizeof(row));
	snprintf(row.name, sizeof(row.name), "running_seconds");
	row.number = (now - parent->started_at) / 1000;
	row_send(ctl, program_name(IPC_PARENT), getpid(), &row);
	for (const struct child *child = parent->children; child != NULL; child = child->next) {
		if (child->pid == 0)
			continue;
		snprintf(row.name, sizeof(row.name), "running_seconds");
		row.number = (now - child->started_at) / 1000;
		row_send(ctl, program_name(child->role), child->pid, &row);
		if (child->restart_count == 0)
			continue;
		snprintf(row.name, sizeof(row.name), "restarts");
		row.number = child->restart_count;
		row_send(ctl, program_name(child->role), child->pid, &row);
	}
}

static void
conclude(struct ctl *ctl, bool late)
{
	ctl_answer(ctl, late, ctl->number, late ? "not every process answered in time" : "");
}

void
report_begin(struct parent *parent, struct ctl *ctl, enum ipc_type type, const void *body)
{
	size_t index = (size_t)(ctl - parent->ctls);
	uint64_t now = clock_milliseconds();
	union ipc_body question;

	memset(&question, 0, sizeof(question));
	memcpy(&question, body, ipc_rules[type].size);
	if (++parent->last_ticket == 0)
		parent->last_ticket = 1;
	ctl->ticket = parent->last_ticket;
	ctl->waiting_count = 0;
	ctl->number = 0;
	ctl->deadline = now + ANSWER_MILLISECONDS;
	if (type == IPC_REPORT && question.report.kind == IPC_REPORT_COUNTS)
		process_rows(parent, ctl, now);
	/* The ticket is the first field of both questions. */
	question.report.ticket = ctl->ticket;
	for (struct child *child = parent->children; child != NULL; child = child->next) {
		if (child->state != CHILD_READY || (ipc_rules[type].to & 1u << child->role) == 0)
			continue;
		tell(child, type, &question, -1);
		if (child->control.descriptor < 0)
			continue;
		child->asked[index] = ctl->ticket;
		ctl->waiting_count++;
	}
	if (ctl->waiting_count == 0)
		conclude(ctl, false);
}

/* Who asked with that ticket and still waits for this child? */
static struct ctl *
asker(struct parent *parent, const struct child *child, uint32_t ticket)
{
	for (size_t i = 0; i < CTLS_MAX; i++)
		if (ticket != 0 && child->asked[i] == ticket && parent->ctls[i].ticket == ticket)
			return &parent->ctls[i];
	return NULL;
}

void
report_row(struct parent *parent, const struct child *child, const struct ipc_row *row)
{
	struct ctl *ctl = asker(parent, child, row->ticket);

	if (ctl != NULL)
		row_send(ctl, program_name(child->role), child->pid, row);
}

static void
answered(struct parent *parent, struct child *child, struct ctl *ctl)
{
	child->asked[ctl - parent->ctls] = 0;
	if (--ctl->waiting_count == 0)
		conclude(ctl, false);
}

void
report_end(struct parent *parent, struct child *child, const struct ipc_report_end *end)
{
	struct ctl *ctl = asker(parent, child, end->ticket);

	if (ctl == NULL)
		return;
	ctl->number += end->number;
	answered(parent, child, ctl);
}

void
report_child_gone(struct parent *parent, struct child *child)
{
	for (size_t i = 0; i < CTLS_MAX; i++) {
		struct ctl *ctl = asker(parent, child, child->asked[i]);

		if (ctl != NULL)
			answered(parent, child, ctl);
	}
}

uint64_t
report_due(struct parent *parent, uint64_t now)
{
	uint64_t next = NEVER;

	for (size_t i = 0; i < CTLS_MAX; i++) {
		struct ctl *ctl = &parent->ctls[i];

		if (ctl->ticket == 0)
			continue;
		if (ctl->deadline <= now)
			conclude(ctl, true);
		else if (ctl->deadline < next)
			next = ctl->deadline;
	}
	return next;
}
