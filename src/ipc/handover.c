/* A client changes hands, from login to its maildrop process; see channel.h. */

#include "ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/packet.h"

int
handover_send(int stream, const struct ipc_handover *handover, int client, const void *early,
    size_t early_size, struct error *error)
{
	struct iovec parts[2] = {
		{ .iov_base = (void *)(uintptr_t)handover, .iov_len = sizeof(*handover) },
		{ .iov_base = (void *)(uintptr_t)early, .iov_len = early_size },
	};
	ssize_t n;

	if (early_size > HANDOVER_EARLY_SIZE)
		return error_set(error, ERROR_PROTOCOL, "too much came behind the password");
	n = packet_send(stream, parts, 2, client);
	if (n < 0)
		return error_errno(error, ERROR_GONE, "cannot hand the client over");
	if ((size_t)n != sizeof(*handover) + early_size)
		return error_set(error, ERROR_TEMPORARY, "no room to hand the client over");
	return 0;
}

/* A connection that cannot be made to hold a thread: that is what login promises to hand over. */
static bool
is_client(int descriptor)
{
	socklen_t size = sizeof(int);
	int type, listening, flags = fcntl(descriptor, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK) != 0 &&
	    getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
	    getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && !listening;
}

/* A bool that is neither 0 nor 1 must not be read as a bool. */
static bool
is_sound(const unsigned char octets[sizeof(struct ipc_handover)])
{
	return octets[offsetof(struct ipc_handover, tls)] < 2 &&
	    octets[offsetof(struct ipc_handover, stls)] < 2 &&
	    octets[offsetof(struct ipc_handover, user)] < 2 &&
	    memchr(octets + offsetof(struct ipc_handover, sasl), '\0', TEXT_SIZE) != NULL;
}

int
handover_receive(int stream, struct ipc_handover *handover, int *client, char *early,
    size_t *early_size, struct error *error)
{
	unsigned char octets[sizeof(*handover)];
	struct iovec parts[2] = {
		{ .iov_base = octets, .iov_len = sizeof(octets) },
		{ .iov_base = early, .iov_len = HANDOVER_EARLY_SIZE },
	};
	int descriptor;
	ssize_t n;
	bool whole;

	/* What was sent in one piece arrives in one piece, unless it was sent by somebody else. */
	n = packet_receive(stream, parts, 2, &descriptor, &whole);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return error_errno(error, ERROR_GONE, "cannot receive the client");
	if (n == 0)
		return error_set(error, ERROR_GONE, "login has gone");
	if (descriptor == PACKET_DESCRIPTOR_LOST)
		return error_set(error, ERROR_TEMPORARY, "too many open descriptors to take the client");
	if (!whole || (size_t)n < sizeof(octets) || !is_sound(octets) ||
	    (descriptor >= 0 && !is_client(descriptor))) {
		if (descriptor >= 0)
			close(descriptor);
		return error_set(error, ERROR_PROTOCOL, "a handover of %zd octets breaks the rules", n);
	}
	memcpy(handover, octets, sizeof(*handover));
	*client = descriptor;
	*early_size = (size_t)n - sizeof(octets);
	return 1;
}
