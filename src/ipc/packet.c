/* One sendmsg or recvmsg, with at most one descriptor; see packet.h. */

#include "ipc/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The kernel itself closes what finds no room here. A little more than one, so that two
 * descriptors are seen as such.
 */
#define DESCRIPTORS_MAX 4

union control {
	struct cmsghdr header;	/* for its alignment */
	char octets[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

ssize_t
packet_send(int socket, struct iovec parts[], size_t part_count, int descriptor)
{
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = part_count };
	union control control;
	ssize_t n;

	if (descriptor >= 0) {
		struct cmsghdr *rights = &control.header;

		/* The room behind the descriptor goes out too. */
		memset(&control, 0, CMSG_SPACE(sizeof(descriptor)));
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(descriptor));
		memcpy(CMSG_DATA(rights), &descriptor, sizeof(descriptor));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(sizeof(descriptor));
	}
	do
		n = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Keeps the first descriptor, closes the others, returns how many there were. */
static size_t
take_descriptors(struct msghdr *header, int *kept)
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		size_t here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++, count++) {
			int descriptor;

			memcpy(&descriptor, CMSG_DATA(c) + i * sizeof(int), sizeof(descriptor));
			if (count == 0)
				*kept = descriptor;
			else
				close(descriptor);
		}
	}
	return count;
}

ssize_t
packet_receive(int socket, struct iovec parts[], size_t part_count, int *descriptor, bool *whole)
{
	union control control;
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = part_count,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	size_t count;
	ssize_t n;

	*descriptor = -1;
	/*
	 * ECONNRESET says that the peer closed without having read all; it is said once, and
	 * before what the peer sent earlier. That is still there.
	 */
	do
		n = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -1;
	count = take_descriptors(&header, descriptor);
	*whole = count <= 1 && (header.msg_flags & MSG_TRUNC) == 0;
	if ((header.msg_flags & MSG_CTRUNC) != 0 && count == 0)
		*descriptor = PACKET_DESCRIPTOR_LOST;
	if (!*whole && *descriptor >= 0) {
		close(*descriptor);
		*descriptor = -1;
	}
	return n;
}
