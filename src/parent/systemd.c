/* sd_notify(3), spoken without its library: one datagram to the socket in NOTIFY_SOCKET. */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "parent/parent.h"

/* For the end of restante-auth, and for killing what has not ended. */
#define GRACE_MARGIN_SECONDS 30

static int notify_socket = -1;

void
notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = name != NULL ? strlen(name) : 0;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);

	if (length < 2 || length >= sizeof(address.sun_path) || strchr("/@", name[0]) == NULL)
		return;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_socket >= 0 &&
	    connect(notify_socket, (const struct sockaddr *)&address, size) < 0) {
		close(notify_socket);
		notify_socket = -1;
	}
	unsetenv("NOTIFY_SOCKET");
}

/* Nobody there to hear it is no reason to stop serving mail. */
void
notify(const char *state)
{
	if (notify_socket >= 0)
		(void)!send(notify_socket, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
notify_reloading(void)
{
	struct timespec now;
	char state[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	notify(state);
}

void
notify_stopping(uint32_t grace_seconds)
{
	char state[128];

	snprintf(state, sizeof(state),
	    "STOPPING=1\nSTATUS=ending sessions\nEXTEND_TIMEOUT_USEC=%" PRIu64,
	    (grace_seconds + GRACE_MARGIN_SECONDS) * UINT64_C(1000000));
	notify(state);
}
