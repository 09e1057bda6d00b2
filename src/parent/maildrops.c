/*
 * restante-maildrop processes, one for each uid, gid and root, started when auth asks. When auth
 * asks again the one that runs is on its way out (it ends when nothing happens for a while).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

static void
answer_no(
    struct parent *parent, const struct ipc_start *start, enum error_kind kind, const char *why)
{
	struct child *auth = child_find(parent, IPC_AUTH);
	struct ipc_not_started answer;

	LOG(LOG_LEVEL_WARNING, "maildrop-not-started", LOG_NUMBER("uid", start->uid),
	    LOG_NUMBER("gid", start->gid), LOG_TEXT("root", start->root), LOG_TEXT("reason", why));
	if (auth == NULL || auth->pid == 0)
		return;
	memset(&answer, 0, sizeof(answer));
	answer.uid = start->uid;
	answer.gid = start->gid;
	answer.kind = kind;
	snprintf(answer.root, sizeof(answer.root), "%s", start->root);
	snprintf(answer.text, sizeof(answer.text), "%s", why);
	tell(auth, IPC_NOT_STARTED, &answer, -1);
}

static struct child *
find(struct parent *parent, const struct ipc_start *start)
{
	for (struct child *child = parent->children; child != NULL; child = child->next)
		if (child->role == IPC_MAILDROP && !child->retired && !child->gone &&
		    child->uid == start->uid && child->gid == start->gid &&
		    strcmp(child->root, start->root) == 0)
			return child;
	return NULL;
}

static void
start_new(struct parent *parent, const struct ipc_start *start)
{
	char *root = strdup(start->root);
	struct child *child = root != NULL ? child_add(parent, IPC_MAILDROP) : NULL;

	if (child == NULL) {
		free(root);
		answer_no(parent, start, ERROR_TEMPORARY, "no memory");
		return;
	}
	child->uid = start->uid;
	child->gid = start->gid;
	child->root = root;
	child_start(parent, child);
}

void
maildrop_wanted(struct parent *parent, const struct ipc_start *start)
{
	const char *problem =
	    uid_problem(&parent->config, parent->root ? 0 : geteuid(), start->uid, start->gid);
	struct child *child = find(parent, start);

	if (problem == NULL && start->root[0] != '/')
		problem = "the directory of its mail is not an absolute path";
	if (problem != NULL) {
		answer_no(parent, start, ERROR_PERMANENT, problem);
	} else if (parent->stopping) {
		answer_no(parent, start, ERROR_TEMPORARY, "the server is stopping");
	} else if (child != NULL && child->state == CHILD_DOWN) {
		child->wanted = true; /* children_due() starts it when its time has come */
	} else if (child == NULL || child->state != CHILD_STARTING) {
		if (child != NULL)
			child->retired = true;
		if (parent->maildrop_count >= MAILDROPS_MAX)
			answer_no(
			    parent, start, ERROR_TEMPORARY, "too many restante-maildrop processes");
		else
			start_new(parent, start);
	}
}

void
maildrop_ready(struct parent *parent, struct child *child)
{
	if (ring_join(parent, child) == 0)
		return;
	/* Nobody could send it a client, and auth would wait for it for ever. */
	maildrop_failed(parent, child, "no channel to restante-maildrop");
	child_stop(parent, child, (uint32_t)parent->config.stop_grace_seconds);
}

void
maildrop_failed(struct parent *parent, struct child *child, const char *why)
{
	struct ipc_start start;

	memset(&start, 0, sizeof(start));
	start.uid = child->uid;
	start.gid = child->gid;
	snprintf(start.root, sizeof(start.root), "%s", child->root);
	answer_no(parent, &start, ERROR_TEMPORARY, why);
}
