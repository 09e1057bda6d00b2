/*
 * Is a configuration good? It is read here; whether the certificates are, restante-login --check
 * says, which has OpenSSL and is locked in; and for -t alone, restantectl says whether the users
 * file is.
 */

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

extern char **environ;

static int
groups_check(const struct config *config, struct error *error)
{
	gid_t gid;

	for (uint32_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].group[0] != '\0' &&
		    group_find(&config->listeners[i], &gid, error) < 0)
			return -1;
	return 0;
}

static int
prepare(struct parent *parent, char *problems, size_t size)
{
	struct trial *trial = &parent->trial;
	struct error error;

	if (config_read(&trial->config, parent->config_path, problems, size) < 0)
		return -1;
	if ((parent->root && identities_find(&trial->identities, &trial->config, &error) < 0) ||
	    groups_check(&trial->config, &error) < 0 || keys_load(&trial->config, &trial->keys, &error) < 0 ||
	    (trial->settings = config_to_memfd(&trial->config, &error)) < 0) {
		snprintf(problems, size, "%s: %s", parent->config_path, error.text);
		return -1;
	}
	return 0;
}

int
trial_begin(struct parent *parent, int output, char *problems, size_t size)
{
	struct trial *trial = &parent->trial;
	struct spawn what = { .role = IPC_LOGIN,
		.argv = { program_name(IPC_LOGIN), "--check" },
		.identity = parent->root ? &trial->identities.login : NULL,
		.output = output };
	struct error error;
	int control;

	trial->settings = trial->keys = trial->output = -1;
	trial->printed_size = 0;
	if (prepare(parent, problems, size) < 0) {
		trial_end(trial);
		return -1;
	}
	trial->pid = spawn(parent, &what, &control, &error);
	if (trial->pid > 0) {
		channel_open(&trial->control, control, IPC_PARENT, IPC_LOGIN);
		trial->kill_at = clock_milliseconds() + CHECK_MILLISECONDS;
		if (channel_send(&trial->control, IPC_SETTINGS, NULL, trial->settings, &error) ==
			0 &&
		    (trial->keys < 0 ||
			channel_send(&trial->control, IPC_KEYS, NULL, trial->keys, &error) == 0))
			return 0;
		kill(trial->pid, SIGKILL);
		waitpid(trial->pid, NULL, 0);
	}
	snprintf(problems, size, "restante-login --check: %s", error.text);
	trial_end(trial);
	return -1;
}

void
trial_end(struct trial *trial)
{
	channel_close(&trial->control);
	trial->pid = 0;
	trial->kill_at = NEVER;
	if (trial->settings >= 0)
		close(trial->settings);
	if (trial->keys >= 0)
		close(trial->keys);
	if (trial->output >= 0)
		close(trial->output);
	trial->settings = trial->keys = trial->output = -1;
}

void
trial_hear(struct trial *trial)
{
	size_t room = sizeof(trial->printed) - 1 - trial->printed_size;
	char surplus[512];
	ssize_t length;

	if (room > 0)
		length = read(trial->output, trial->printed + trial->printed_size, room);
	else
		length = read(trial->output, surplus, sizeof(surplus));
	if (length > 0 && room > 0)
		trial->printed_size += (size_t)length;
	if (length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	close(trial->output);
	trial->output = -1;
}

/* Hashes of passwords are nothing for this program: who edits the file reads it. */
int
trial_users(const char *config_path, const char *programs)
{
	const char *name = program_name(IPC_CTL);
	const char *argv[] = { name, "-c", config_path, "user", "check", NULL };
	char path[PATH_SIZE + 32];
	pid_t pid;
	int status;

	snprintf(path, sizeof(path), "%s/%s", programs, name);
	if (access(path, X_OK) < 0)
		snprintf(path, sizeof(path), "%s", CONTROL_PROGRAM);
	status = posix_spawn(&pid, path, NULL, NULL, (char *const *)argv, environ);
	if (status != 0) {
		fprintf(stderr, "%s: %s; the users file was not looked at\n", path,
		    strerrordesc_np(status));
		return EX_UNAVAILABLE;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EX_OSERR;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_OSERR;
}

/* Where something is to be made at the start there should be a directory; systemd makes run_directory then. */
static void
directory_doubt(const struct parent *parent, const char *what, const char *path)
{
	const char *slash = strrchr(path, '/');
	char above[PATH_SIZE];

	snprintf(above, sizeof(above), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (strcmp(above, parent->trial.config.run_directory) != 0 && access(above, F_OK) < 0)
		fprintf(stderr, "%s: warning: %s: %s: %s\n", parent->config_path, what, above,
		    strerrordesc_np(errno));
}

static void
doubts_print(const struct parent *parent)
{
	const struct config *config = &parent->trial.config;
	char text[PROBLEMS_SIZE];

	config_doubts(config, parent->config_path, text, sizeof(text));
	if (text[0] != '\0')
		fprintf(stderr, "%s\n", text);
	if (config_speaks(config, CONFIG_LMTP))
		directory_doubt(parent, "lmtp_spool_directory", config->lmtp_spool_directory);
	for (uint32_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];

		snprintf(text, sizeof(text), "listener `%s`", listener->title);
		if (config_is_path(listener->address))
			directory_doubt(parent, text, listener->address);
	}
}

int
trial_run(struct parent *parent)
{
	char problems[PROBLEMS_SIZE];
	int status;

	if (trial_begin(parent, -1, problems, sizeof(problems)) < 0) {
		fprintf(stderr, "%s\n", problems);
		return EX_CONFIG;
	}
	while (waitpid(parent->trial.pid, &status, 0) < 0)
		if (errno != EINTR)
			return EX_OSERR;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		doubts_print(parent);
		return 0;
	}
	if (WIFSIGNALED(status))
		fprintf(stderr, "restante-login --check ended by signal %s\n",
		    sigabbrev_np(WTERMSIG(status)));
	fprintf(stderr, "%s: the configuration was not accepted\n", parent->config_path);
	return EX_CONFIG;
}
