/* See pair.h. */

#include "ipc/pair.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

int
pair_make(int ends[2], struct error *error)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot make a pair of sockets");
	return 0;
}

int
pair_send(int pair, enum pair_type type, uint64_t session, const void *data, size_t size)
{
	struct pair_head head = { .type = type, .session = session };
	struct iovec parts[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = size },
	};
	const struct msghdr header = { .msg_iov = parts, .msg_iovlen = size > 0 ? 2 : 1 };
	ssize_t n;

	do
		n = sendmsg(pair, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == ENOBUFS || errno == ENOMEM))
		errno = EAGAIN;
	return n < 0 ? -1 : 0;
}

/* No room is given for descriptors: the kernel drops any that come. */
ssize_t
pair_receive(int pair, struct pair_head *head, void *buffer, size_t room)
{
	struct iovec parts[2] = {
		{ .iov_base = head, .iov_len = sizeof(*head) },
		{ .iov_base = buffer, .iov_len = room },
	};
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = recvmsg(pair, &header, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if (n == 0) {
		errno = EPIPE;
		return -1;
	}
	if ((size_t)n < sizeof(*head) || (header.msg_flags & MSG_TRUNC) != 0 || head->type == 0 ||
	    head->type >= PAIR_TYPE_COUNT) {
		errno = EBADMSG;
		return -1;
	}
	return n - (ssize_t)sizeof(*head);
}
