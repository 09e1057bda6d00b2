/*
 * A datagram from a process that somebody has taken over. First octet: who
 * talks to whom, and whether with a descriptor; 0xff: a message that is right but for its body,
 * of the type in the next octet, filled up to its size.
 */

#include <unistd.h>

#include "fuzz.h"
#include "ipc/channel.h"
#include "ipc/packet.h"

/* What was accepted must keep the promises of messages.h. */
static void
check_message(struct ipc_channel *channel, struct ipc_message *message)
{
	const struct ipc_rule *rule = &ipc_rules[message->type];
	const char *octets = (const char *)&message->body;

	PROMISE(rule->from & 1u << channel->peer && rule->to & 1u << channel->self);
	PROMISE(rule->descriptor == (message->descriptor >= 0));
	for (size_t i = 0; i < 4 && rule->strings[i].size > 0; i++)
		PROMISE(strnlen(octets + rule->strings[i].offset, rule->strings[i].size) <
		    rule->strings[i].size);
	for (size_t i = 0; i < 4 && rule->ranges[i].size > 0; i++) {
		uint32_t value = (uint8_t)octets[rule->ranges[i].offset];

		if (rule->ranges[i].size == 4)
			memcpy(&value, octets + rule->ranges[i].offset, sizeof(value));
		PROMISE(value < rule->ranges[i].limit);
	}
	if (message->type == IPC_SASL_STEP || message->type == IPC_SASL_CHALLENGE)
		PROMISE(message->body.sasl_data.size <= IPC_SASL_SIZE);
	if (message->type == IPC_SASL_START)
		PROMISE(message->body.sasl_start.size <= IPC_SASL_SIZE);
	if (message->type == IPC_EARLY)
		PROMISE(message->body.early.size <= EARLY_SIZE);
	if (message->descriptor >= 0)
		close(message->descriptor);
	ipc_message_wipe(message);
}

static void
receive_message(const void *data, size_t size, enum ipc_role self, enum ipc_role peer, bool descriptor)
{
	static struct ipc_message message;
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct ipc_channel channel;
	struct error error;
	int ends[2];

	PROMISE(ipc_pair(ends, &error) == 0);
	channel_open(&channel, ends[0], self, peer);
	PROMISE(packet_send(ends[1], &part, 1, descriptor ? ends[1] : -1) == (ssize_t)size);
	if (channel_receive(&channel, &message, &error) > 0)
		check_message(&channel, &message);
	channel_close(&channel);
	close(ends[1]);
}

static enum ipc_role
first_of(uint32_t roles)
{
	return (enum ipc_role)__builtin_ctz(roles);
}

static void
receive_likely_message(const uint8_t *data, size_t size)
{
	static struct {
		uint32_t type;
		char body[sizeof(union ipc_body)];
	} datagram;
	const struct ipc_rule *rule;

	datagram.type = 1 + fuzz_octet(&data, &size) % (IPC_TYPE_COUNT - 1u);
	rule = &ipc_rules[datagram.type];
	memset(datagram.body, 0, sizeof(datagram.body));
	memcpy(datagram.body, data, size < rule->size ? size : rule->size);
	receive_message(&datagram, sizeof(datagram.type) + rule->size, first_of(rule->to),
	    first_of(rule->from), rule->descriptor);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_octet(&data, &size);

	if (size == 0 || size > sizeof(union ipc_body) + 64)
		return 0;
	if (choice == 0xff)
		receive_likely_message(data, size);
	else
		receive_message(data, size, choice % IPC_ROLE_COUNT, choice / IPC_ROLE_COUNT % IPC_ROLE_COUNT,
		    (choice & 0x80) != 0);
	return 0;
}
