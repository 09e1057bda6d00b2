/* A channel: messages that the table allows, in order, without ever waiting; see channel.h. */

#include "ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "ipc/packet.h"

/* What may wait in a channel for a slow peer: ten thousand rows of a report, say. */
#define QUEUE_SIZE_MAX ((size_t)4 << 20)
/* So that a crowd that logs in at once seldom needs the queue. */
#define SOCKET_BUFFER_SIZE (1 << 20)

struct ipc_queued {
	struct ipc_queued *next;
	enum ipc_type type;
	int descriptor;
	char body[];
};

int
ipc_pair(int ends[2], struct error *error)
{
	static const int size = SOCKET_BUFFER_SIZE;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot make a channel");
	for (int i = 0; i < 2; i++)
		/* Only root gets more than net.core.wmem_max; a smaller buffer does as well. */
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
			(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

void
channel_open(struct ipc_channel *channel, int descriptor, enum ipc_role self, enum ipc_role peer)
{
	*channel = (struct ipc_channel){ .descriptor = descriptor, .self = self, .peer = peer };
}

static void
drop_first(struct ipc_channel *channel)
{
	struct ipc_queued *queued = channel->first;
	size_t size = ipc_rules[queued->type].size;

	channel->first = queued->next;
	if (channel->first == NULL)
		channel->last = NULL;
	channel->queued_count--;
	channel->queued_size -= sizeof(*queued) + size;
	if (queued->descriptor >= 0)
		close(queued->descriptor);
	secret_wipe(queued->body, size);
	free(queued);
}

void
channel_close(struct ipc_channel *channel)
{
	while (channel->first != NULL)
		drop_first(channel);
	if (channel->descriptor >= 0)
		close(channel->descriptor);
	channel->descriptor = -1;
}

/* 1: sent. 0: the socket is full. -1: the peer has gone. */
static int
send_now(struct ipc_channel *channel, enum ipc_type type, const void *body, int descriptor,
    struct error *error)
{
	uint32_t number = type;
	struct iovec parts[2] = {
		{ .iov_base = &number, .iov_len = sizeof(number) },
		{ .iov_base = (void *)(uintptr_t)body, .iov_len = ipc_rules[type].size },
	};

	if (packet_send(channel->descriptor, parts, 2, descriptor) >= 0)
		return 1;
	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
	case ETOOMANYREFS:
		return 0;
	case EPIPE:
	case ECONNRESET:
		return error_set(error, ERROR_GONE, "the peer has gone");
	default:
		return error_errno(error, ERROR_PERMANENT, "cannot send message %u", number);
	}
}

static int
queue(struct ipc_channel *channel, enum ipc_type type, const void *body, int descriptor,
    struct error *error)
{
	size_t size = ipc_rules[type].size;
	struct ipc_queued *queued;

	if (channel->queued_size + sizeof(*queued) + size > QUEUE_SIZE_MAX)
		return error_set(error, ERROR_TEMPORARY, "the peer does not read: queue full");
	queued = malloc(sizeof(*queued) + size);
	if (queued == NULL)
		return error_errno(error, ERROR_TEMPORARY, "cannot queue a message");
	*queued = (struct ipc_queued){ .type = type, .descriptor = -1 };
	if (descriptor >= 0) {
		queued->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
		if (queued->descriptor < 0) {
			free(queued);
			return error_errno(error, ERROR_TEMPORARY, "cannot queue a descriptor");
		}
	}
	if (size > 0)
		memcpy(queued->body, body, size);
	if (channel->last != NULL)
		channel->last->next = queued;
	else
		channel->first = queued;
	channel->last = queued;
	channel->queued_count++;
	channel->queued_size += sizeof(*queued) + size;
	return 0;
}

int
channel_send(struct ipc_channel *channel, enum ipc_type type, const void *body, int descriptor,
    struct error *error)
{
	const struct ipc_rule *rule = type < IPC_TYPE_COUNT ? &ipc_rules[type] : &ipc_rules[0];

	if (channel->descriptor < 0)
		return error_set(error, ERROR_GONE, "the channel is closed");
	if ((rule->from & 1u << channel->self) == 0 || (rule->to & 1u << channel->peer) == 0 ||
	    rule->descriptor != (descriptor >= 0) || (rule->size > 0 && body == NULL))
		return error_set(error, ERROR_PROTOCOL, "message %u is not for us to send", type);
	if (channel->first == NULL) {
		int sent = send_now(channel, type, body, descriptor, error);

		if (sent != 0)
			return sent > 0 ? 0 : -1;
	}
	return queue(channel, type, body, descriptor, error);
}

bool
channel_wants_write(const struct ipc_channel *channel)
{
	return channel->first != NULL;
}

int
channel_flush(struct ipc_channel *channel, struct error *error)
{
	while (channel->first != NULL) {
		struct ipc_queued *queued = channel->first;
		int sent = send_now(channel, queued->type, queued->body, queued->descriptor, error);

		if (sent <= 0)
			return sent;
		drop_first(channel);
	}
	return 0;
}

bool
ipc_body_is_sound(enum ipc_type type, const void *body)
{
	const struct ipc_rule *rule = &ipc_rules[type];
	const unsigned char *octets = body;

	for (const struct ipc_string *s = rule->strings;
	    s < rule->strings + sizeof(rule->strings) / sizeof(*s) && s->size > 0; s++)
		if (memchr(octets + s->offset, '\0', s->size) == NULL)
			return false;
	for (const struct ipc_range *r = rule->ranges;
	    r < rule->ranges + sizeof(rule->ranges) / sizeof(*r) && r->size > 0; r++) {
		uint32_t value = octets[r->offset];

		if (r->size == sizeof(value))
			memcpy(&value, octets + r->offset, sizeof(value));
		if (value >= r->limit)
			return false;
	}
	return true;
}

int
channel_receive(struct ipc_channel *channel, struct ipc_message *message, struct error *error)
{
	const struct ipc_rule *rule;
	uint32_t number = 0;
	struct iovec parts[2] = {
		{ .iov_base = &number, .iov_len = sizeof(number) },
		{ .iov_base = &message->body, .iov_len = sizeof(message->body) },
	};
	int descriptor;
	ssize_t size;
	bool whole;

	if (channel->descriptor < 0)
		return error_set(error, ERROR_GONE, "the channel is closed");
	size = packet_receive(channel->descriptor, parts, 2, &descriptor, &whole);
	if (size < 0 && errno == EAGAIN)
		return 0;
	if (size < 0)
		return error_errno(error, ERROR_GONE, "cannot receive");
	if (size == 0 && descriptor == -1 && whole)
		return error_set(error, ERROR_GONE, "the peer has gone");

	rule = &ipc_rules[number < IPC_TYPE_COUNT ? number : 0];
	if (!whole || (rule->from & 1u << channel->peer) == 0 ||
	    (rule->to & 1u << channel->self) == 0 ||
	    (size_t)size != sizeof(number) + rule->size ||
	    rule->descriptor != (descriptor != -1) || !ipc_body_is_sound((enum ipc_type)number, &message->body)) {
		if (descriptor >= 0)
			close(descriptor);
		secret_wipe(&message->body, sizeof(message->body));
		return error_set(error, ERROR_PROTOCOL, "message %u of %zd octets breaks the rules",
		    number, size);
	}
	message->type = (enum ipc_type)number;
	message->descriptor = descriptor == PACKET_DESCRIPTOR_LOST ? -1 : descriptor;
	return 1;
}

bool
ipc_message_is_maimed(const struct ipc_message *message)
{
	return ipc_rules[message->type].descriptor && message->descriptor < 0;
}

void
ipc_message_wipe(struct ipc_message *message)
{
	secret_wipe(&message->body, message->type < IPC_TYPE_COUNT ? ipc_rules[message->type].size :
	    sizeof(message->body));
}
