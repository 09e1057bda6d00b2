/* One question to the server, and its answer, on the control socket. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/ctl.h"

/* A configuration that is checked takes the longest. */
#define ANSWER_MILLISECONDS 60000

static int
socket_find(struct sockaddr_un *address)
{
	static struct config config;
	int length, status;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (ctl_socket_path() != NULL) {
		length =
		    snprintf(address->sun_path, sizeof(address->sun_path), "%s", ctl_socket_path());
	} else {
		status = ctl_config_read(&config);
		if (status != EX_OK)
			return status;
		length = snprintf(address->sun_path, sizeof(address->sun_path), "%s/control",
		    config.run_directory);
	}
	if (length >= (int)sizeof(address->sun_path))
		return ctl_fail(EX_CONFIG, "the path of the control socket is too long");
	return EX_OK;
}

static int
connect_server(struct ipc_channel *channel)
{
	struct sockaddr_un address;
	int descriptor, status = socket_find(&address);

	if (status != EX_OK)
		return status;
	descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return ctl_fail(EX_OSERR, "socket: %s", strerrordesc_np(errno));
	if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		channel_open(channel, descriptor, IPC_CTL, IPC_PARENT);
		return EX_OK;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		status = ctl_fail(EX_UNAVAILABLE, "the server is not running: nobody answers at %s",
		    address.sun_path);
	else if (errno == EACCES || errno == EPERM)
		status = ctl_fail(EX_NOPERM,
		    "%s is for root, or who started the server; you are neither", address.sun_path);
	else
		status =
		    ctl_fail(EX_UNAVAILABLE, "%s: %s", address.sun_path, strerrordesc_np(errno));
	close(descriptor);
	return status;
}

/* 1: a message; -1: the server has gone, or takes too long. */
static int
receive(struct ipc_channel *channel, struct ipc_message *message)
{
	struct pollfd polled = { .fd = channel->descriptor, .events = POLLIN };
	struct error error;
	int status;

	while ((status = channel_receive(channel, message, &error)) == 0) {
		status = poll(&polled, 1, ANSWER_MILLISECONDS);
		if (status == 0 || (status < 0 && errno != EINTR))
			return -1;
	}
	return status;
}

int
ctl_ask(enum ipc_type type, const void *body,
    void (*row)(void *context, const struct ipc_ctl_row *), void *context,
    struct ipc_ctl_result *result)
{
	struct ipc_channel channel;
	struct ipc_message message;
	struct error error;
	int status = connect_server(&channel);

	if (status != EX_OK)
		return status;
	if (channel_send(&channel, type, body, -1, &error) < 0) {
		channel_close(&channel);
		return ctl_fail(EX_UNAVAILABLE, "%s", error.text);
	}
	while ((status = receive(&channel, &message)) > 0 && message.type != IPC_CTL_RESULT)
		if (message.type == IPC_CTL_ROW && row != NULL)
			row(context, &message.body.ctl_row);
	channel_close(&channel);
	if (status < 0)
		return ctl_fail(EX_UNAVAILABLE, "the server went away before it answered");
	*result = message.body.ctl_result;
	return EX_OK;
}
