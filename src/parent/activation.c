/* Sockets that systemd has bound for us (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/number.h"
#include "parent/listeners.h"

#define FIRST_DESCRIPTOR 3
#define DESCRIPTOR_MIN   10

static int
take_one(struct activated *activated, int descriptor, struct error *error)
{
	struct address address = { .size = sizeof(address.socket) };
	socklen_t size = sizeof(int);
	int listening = 0, v6only = 1, high;

	if (getsockname(descriptor, (struct sockaddr *)&address.socket, &address.size) < 0)
		return error_errno(
		    error, ERROR_PERMANENT, "socket activation: descriptor %d", descriptor);
	if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 ||
	    !listening ||
	    (address.socket.ss_family != AF_INET && address.socket.ss_family != AF_INET6 &&
	    !address_is_path(&address)))
		return error_set(error, ERROR_PERMANENT,
		    "socket activation: descriptor %d is no listening stream socket; use "
		    "ListenStream= with an "
		    "address or a path and Accept=no",
		    descriptor);
	if (address.socket.ss_family == AF_INET6)
		getsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size);
	high = fcntl(descriptor, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);
	if (high < 0 || fcntl(high, F_SETFL, O_NONBLOCK) < 0)
		return error_errno(
		    error, ERROR_TEMPORARY, "socket activation: descriptor %d", descriptor);
	activated->list[activated->count].socket = high;
	activated->list[activated->count].address = address;
	activated->list[activated->count++].dual = !v6only;
	return 0;
}

int
activated_take(struct activated *activated, struct error *error)
{
	const char *process = getenv("LISTEN_PID"), *descriptors = getenv("LISTEN_FDS");
	uint64_t pid, count;
	int status = 0;

	activated->count = 0;
	if (process != NULL && descriptors != NULL && number_parse(process, &pid) &&
	    number_parse(descriptors, &count) && pid == (uint64_t)getpid()) {
		if (count > ACTIVATED_MAX)
			return error_set(error, ERROR_PERMANENT,
			    "socket activation: more than %d sockets", ACTIVATED_MAX);
		for (int i = 0; i < (int)count && status == 0; i++) {
			status = take_one(activated, FIRST_DESCRIPTOR + i, error);
			close(FIRST_DESCRIPTOR + i);
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return status;
}
