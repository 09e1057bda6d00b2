/*
 * The socket for restantectl: run_directory/control, for our own uid only. Each connection asks
 * one thing at a time.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "parent/parent.h"

#define BACKLOG 16

static int
control_address(const struct parent *parent, struct sockaddr_un *address, struct error *error)
{
	int length;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	length = snprintf(address->sun_path, sizeof(address->sun_path), "%s/control",
	    parent->config.run_directory);
	if (length >= (int)sizeof(address->sun_path))
		return error_set(
		    error, ERROR_PERMANENT, "run_directory is longer than a socket's path may be");
	return 0;
}

/* The socket of a server that has died is in the way; that of one that lives is not ours. */
static int
remove_stale(int descriptor, const struct sockaddr_un *address, struct error *error)
{
	if (connect(descriptor, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return error_set(error, ERROR_PERMANENT,
		    "another restanted is running: it answers at %s", address->sun_path);
	if (errno == ECONNREFUSED && unlink(address->sun_path) < 0)
		return error_errno(error, ERROR_PERMANENT, "%s", address->sun_path);
	return 0;
}

int
run_directory_make(const struct parent *parent, struct error *error)
{
	if (mkdir(parent->config.run_directory, 0755) < 0 && errno != EEXIST)
		return error_errno(
		    error, ERROR_PERMANENT, "run_directory %s", parent->config.run_directory);
	return 0;
}

int
control_open(struct parent *parent, struct error *error)
{
	struct sockaddr_un address;
	int descriptor, status = -1;
	mode_t mask;

	if (control_address(parent, &address, error) < 0)
		return -1;
	descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return error_errno(error, ERROR_TEMPORARY, "control socket");
	if (remove_stale(descriptor, &address, error) == 0) {
		mask = umask(0177);
		status = bind(descriptor, (const struct sockaddr *)&address, sizeof(address));
		umask(mask);
		if (status == 0)
			status = listen(descriptor, BACKLOG);
		if (status < 0)
			error_errno(error, ERROR_PERMANENT, "control socket %s", address.sun_path);
	}
	if (status < 0) {
		close(descriptor);
		return -1;
	}
	parent->control = descriptor;
	return 0;
}

void
control_close(struct parent *parent)
{
	struct sockaddr_un address;
	struct error error;

	for (size_t i = 0; i < CTLS_MAX; i++)
		channel_close(&parent->ctls[i].channel);
	close(parent->control);
	if (control_address(parent, &address, &error) == 0)
		unlink(address.sun_path);
}

void
control_accept(struct parent *parent)
{
	int descriptor = accept4(parent->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (descriptor < 0)
		return;
	for (size_t i = 0; i < CTLS_MAX; i++) {
		struct ctl *ctl = &parent->ctls[i];

		if (ctl->channel.descriptor >= 0)
			continue;
		memset(ctl, 0, sizeof(*ctl));
		channel_open(&ctl->channel, descriptor, IPC_PARENT, IPC_CTL);
		return;
	}
	close(descriptor);
}

void
ctl_answer(struct ctl *ctl, bool failed, uint64_t number, const char *text)
{
	struct ipc_ctl_result result;
	struct error error;

	ctl->ticket = 0;
	if (ctl->channel.descriptor < 0)
		return;
	memset(&result, 0, sizeof(result));
	result.failed = failed;
	result.number = number;
	snprintf(result.text, sizeof(result.text), "%s", text);
	if (channel_send(&ctl->channel, IPC_CTL_RESULT, &result, -1, &error) < 0)
		channel_close(&ctl->channel);
}

static void
ask_reload(struct parent *parent, struct ctl *ctl, const union ipc_body *body)
{
	(void)body;
	if (parent->stopping) {
		ctl_answer(ctl, true, 0, "the server is stopping");
		return;
	}
	if (parent->trial.pid != 0) {
		ctl_answer(ctl, true, 0, "a configuration is being checked already; ask again");
		return;
	}
	ctl->reload = true;
	reload_begin(parent);
}

static void
ask_report(struct parent *parent, struct ctl *ctl, const union ipc_body *body)
{
	struct ipc_report report;

	memset(&report, 0, sizeof(report));
	report.kind = body->ctl_report.kind;
	report_begin(parent, ctl, IPC_REPORT, &report);
}

static void
ask_kick(struct parent *parent, struct ctl *ctl, const union ipc_body *body)
{
	struct ipc_kick kick;

	memset(&kick, 0, sizeof(kick));
	kick.session = body->ctl_kick.session;
	memcpy(kick.user, body->ctl_kick.user, sizeof(kick.user));
	if (kick.session == 0 && kick.user[0] == '\0') {
		ctl_answer(ctl, true, 0, "neither a user nor a session");
		return;
	}
	report_begin(parent, ctl, IPC_KICK, &kick);
}

static void (*const handlers[IPC_TYPE_COUNT])(
    struct parent *, struct ctl *, const union ipc_body *) = {
	[IPC_CTL_RELOAD] = ask_reload,
	[IPC_CTL_REPORT] = ask_report,
	[IPC_CTL_KICK] = ask_kick,
};

void
ctl_hear(struct parent *parent, struct ctl *ctl)
{
	struct ipc_message message;
	struct error error;
	int status;

	/* The next question waits in the socket until this one is answered. */
	if (ctl->ticket != 0 || ctl->reload)
		return;
	status = channel_receive(&ctl->channel, &message, &error);
	if (status > 0) {
		if (message.descriptor >= 0)
			close(message.descriptor);
		if (handlers[message.type] != NULL)
			handlers[message.type](parent, ctl, &message.body);
	}
	if (status < 0)
		channel_close(&ctl->channel);
}
