/*
 * A new configuration, while everything runs: read, checked, and only then put in force. What is
 * wrong with it is logged, and the old one stays.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parent/parent.h"

static void
conclude(struct parent *parent, bool failed, const char *text)
{
	bool again = parent->trial.again;

	for (size_t i = 0; i < CTLS_MAX; i++) {
		if (!parent->ctls[i].reload)
			continue;
		parent->ctls[i].reload = false;
		ctl_answer(&parent->ctls[i], failed, 0, text);
	}
	trial_end(&parent->trial);
	parent->trial.again = false;
	if (parent->stopping)
		return;
	notify(failed ? "READY=1\nSTATUS=serving; the new configuration was refused, see the log"
		      : "READY=1\nSTATUS=serving");
	if (again)
		reload_begin(parent);
}

/* What restante-login --check prints begins with its name, as in a log. */
static const char *
without_name(const char *line)
{
	const char *name = program_name(IPC_LOGIN), *end = strstr(line, "]: ");

	return strncmp(line, name, strlen(name)) == 0 && end != NULL ? end + 3 : line;
}

static void
refuse(struct parent *parent, const char *problems)
{
	char copy[PROBLEMS_SIZE], *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", problems);
	for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		LOG(LOG_LEVEL_ERROR, "reload-refused", LOG_TEXT("reason", without_name(line)));
	LOG(LOG_LEVEL_ERROR, "configuration-kept", LOG_TEXT("file", parent->config_path));
	conclude(parent, true, problems);
}

void
reload_begin(struct parent *parent)
{
	char problems[PROBLEMS_SIZE];
	int ends[2];

	if (parent->stopping)
		return;
	if (parent->trial.pid != 0) {
		parent->trial.again = true;
		return;
	}
	notify_reloading();
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		refuse(parent, "no pipe for restante-login --check");
		return;
	}
	if (trial_begin(parent, ends[1], problems, sizeof(problems)) < 0) {
		close(ends[0]);
		refuse(parent, problems);
	} else {
		parent->trial.output = ends[0];
	}
	close(ends[1]);
}

/* Some things are decided once, at the start. */
static void
warn_of_restart(const struct config *old, const struct config *new, bool root)
{
	const struct {
		const char *key, *old, *new;
	} fixed[] = {
		{ "run_directory", old->run_directory, new->run_directory },
		{ "login_user", root ? old->login_user : "", root ? new->login_user : "" },
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(fixed[i].old, fixed[i].new) != 0)
			LOG(LOG_LEVEL_WARNING, "needs-restart", LOG_TEXT("key", fixed[i].key));
}

static void
tell_everybody(struct parent *parent)
{
	for (struct child *child = parent->children; child != NULL; child = child->next) {
		if (child->pid == 0)
			continue;
		send_settings(parent, child);
		if (child->wanted && (child->role == IPC_LOGIN || child->role == IPC_LMTP))
			send_listeners(parent, child);
	}
}

/* auth was locked in for one users file and one uid: another needs another process. */
static bool
auth_outdated(const struct parent *parent, const struct config *old)
{
	return strcmp(old->users_file, parent->config.users_file) != 0 ||
	       (parent->root && strcmp(old->auth_user, parent->config.auth_user) != 0);
}

/* So is lmtp for one spool directory. */
static bool
lmtp_outdated(const struct parent *parent, const struct config *old)
{
	return strcmp(old->lmtp_spool_directory, parent->config.lmtp_spool_directory) != 0 ||
	       (parent->root && strcmp(old->lmtp_user, parent->config.lmtp_user) != 0);
}

static void
put_in_force(struct parent *parent, const struct listeners *next)
{
	static struct config old;
	struct trial *trial = &parent->trial;
	struct child *auth = child_find(parent, IPC_AUTH), *lmtp = child_find(parent, IPC_LMTP);

	old = parent->config;
	warn_of_restart(&old, &trial->config, parent->root);
	parent->config = trial->config;
	parent->identities = trial->identities;
	close(parent->settings);
	if (parent->keys >= 0)
		close(parent->keys);
	parent->settings = trial->settings;
	parent->keys = trial->keys;
	trial->settings = trial->keys = -1;
	log_level_set((enum log_level)parent->config.log_level);
	if (old.log != parent->config.log)
		logging_open(parent, &parent->config);
	listeners_commit(&parent->listeners, next);
	parent->generation++;
	tell_everybody(parent);
	if (auth != NULL && auth_outdated(parent, &old))
		child_stop(parent, auth, (uint32_t)parent->config.stop_grace_seconds);
	if (lmtp != NULL && lmtp_outdated(parent, &old))
		child_stop(parent, lmtp, (uint32_t)parent->config.stop_grace_seconds);
	children_adjust(parent);
}

void
reload_decided(struct parent *parent, bool good)
{
	struct trial *trial = &parent->trial;
	static struct listeners next;
	struct error error;

	while (trial->output >= 0 && trial->printed_size < sizeof(trial->printed) - 1) {
		size_t before = trial->printed_size;

		trial_hear(trial);
		if (trial->printed_size == before)
			break;
	}
	trial->printed[trial->printed_size] = '\0';
	if (parent->stopping) {
		conclude(parent, true, "the server is stopping");
		return;
	}
	if (!good) {
		refuse(parent, trial->printed_size > 0 ? trial->printed
						       : "restante-login --check failed silently");
		return;
	}
	if (listeners_prepare(&next, &parent->listeners, &trial->config, &parent->activated,
		&error) < 0) {
		refuse(parent, error.text);
		return;
	}
	put_in_force(parent, &next);
	LOG(LOG_LEVEL_INFO, "reloaded", LOG_TEXT("file", parent->config_path));
	conclude(parent, false, "");
}
