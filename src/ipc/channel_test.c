/* What one process says arrives as it was said; what it may not say does not. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/channel.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ipc_channel left, right;
static struct error error;

static void
open_pair(enum ipc_role from, enum ipc_role to)
{
	int ends[2];

	assert_int_equal(ipc_pair(ends, &error), 0);
	channel_open(&left, ends[0], from, to);
	channel_open(&right, ends[1], to, from);
}

static void
close_pair(void)
{
	channel_close(&left);
	channel_close(&right);
}

/* Sends a datagram as no honest process would: any octets, any number of descriptors. */
static void
send_raw(const void *data, size_t size, size_t descriptor_count)
{
	union {
		struct cmsghdr header;
		char octets[CMSG_SPACE(8 * sizeof(int))];
	} control = { .octets = { 0 } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (descriptor_count > 0) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
		memset(CMSG_DATA(&control.header), 0, descriptor_count * sizeof(int));
	}
	assert_int_equal(sendmsg(left.descriptor, &header, 0), size);
}

static size_t
open_descriptor_count(void)
{
	size_t count = 0;

	for (int descriptor = 0; descriptor < 256; descriptor++)
		count += fcntl(descriptor, F_GETFD) >= 0;
	return count;
}

struct datagram {
	uint32_t type;
	union ipc_body body;
};

static void
test_every_rule_is_obeyed_both_ways(void **state)
{
	(void)state;
	for (uint32_t type = 1; type < IPC_TYPE_COUNT; type++) {
		const struct ipc_rule *rule = &ipc_rules[type];

		assert_int_equal(rule->type, type);
		assert_true(rule->size <= sizeof(union ipc_body));
		for (unsigned from = 0; from < IPC_ROLE_COUNT; from++)
			for (unsigned to = 0; to < IPC_ROLE_COUNT; to++) {
				bool may = (rule->from & 1u << from) && (rule->to & 1u << to);
				struct datagram datagram = { .type = type };
				size_t before = open_descriptor_count();
				struct ipc_message message;

				open_pair(from, to);
				assert_int_equal(channel_send(&left, type, &datagram.body,
				    rule->descriptor ? 0 : -1, &error), may ? 0 : -1);
				send_raw(&datagram, sizeof(type) + rule->size, rule->descriptor);
				assert_int_equal(channel_receive(&right, &message, &error), may ? 1 : -1);
				if (may) {
					assert_int_equal(message.type, type);
					assert_int_equal(message.descriptor >= 0, rule->descriptor);
					assert_memory_equal(&message.body, &datagram.body, rule->size);
					if (message.descriptor >= 0)
						close(message.descriptor);
				} else {
					assert_int_equal(error.kind, ERROR_PROTOCOL);
				}
				close_pair();
				assert_int_equal(open_descriptor_count(), before);
			}
	}
}

#define CHECK_BODY   sizeof(struct ipc_check)
#define AT(s, field) (offsetof(struct s, field))

/* Each is sent to the role that expects that type, and breaks one rule; see also fill below. */
static const struct {
	const char *name;
	enum ipc_role from, to;
	uint32_t type;
	size_t size, descriptor_count;
	size_t fill_at, fill_size;	/* octets of the body set to fill, or to 0xff if that is 0 */
	unsigned char fill;
} broken[] = {
	{ "no type 0", IPC_LOGIN, IPC_AUTH, 0, 0, 0, 0, 0, 0 },
	{ "no type beyond the last", IPC_LOGIN, IPC_AUTH, IPC_TYPE_COUNT, 0, 0, 0, 0, 0 },
	{ "no type 2^32-1", IPC_LOGIN, IPC_AUTH, UINT32_MAX, 0, 0, 0, 0, 0 },
	{ "one octet short", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY - 1, 0, 0, 0, 0 },
	{ "one octet long", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY + 1, 0, 0, 0, 0 },
	{ "longer than any message", IPC_LOGIN, IPC_AUTH, IPC_CHECK,
		sizeof(union ipc_body) + 1, 0, 0, 0, 0 },
	{ "exactly right, but cut", IPC_LOGIN, IPC_AUTH, IPC_SASL_START,
		sizeof(union ipc_body) + 9, 0, 0, 0, 0 },
	{ "a body where there is none", IPC_LOGIN, IPC_PARENT, IPC_READY, 1, 0, 0, 0, 0 },
	{ "stray descriptor", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY, 1, 0, 0, 0 },
	{ "missing descriptor", IPC_LOGIN, IPC_MAILDROP, IPC_HANDOVER,
		sizeof(struct ipc_handover), 0, 0, 0, 0 },
	{ "two descriptors", IPC_LOGIN, IPC_MAILDROP, IPC_HANDOVER,
		sizeof(struct ipc_handover), 2, 0, 0, 0 },
	{ "eight descriptors", IPC_LOGIN, IPC_MAILDROP, IPC_HANDOVER,
		sizeof(struct ipc_handover), 8, 0, 0, 0 },
	{ "two stray descriptors", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY, 2, 0, 0, 0 },
	{ "unterminated user", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY, 0, AT(ipc_check,
		user), USER_SIZE, 0 },
	{ "unterminated timestamp", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY, 0,
		AT(ipc_check, timestamp), TEXT_SIZE, 0 },
	{ "unterminated place", IPC_AUTH, IPC_MAILDROP, IPC_OPEN, sizeof(struct ipc_open), 0,
		AT(ipc_open, place), PLACE_SIZE, 0 },
	{ "unterminated root", IPC_AUTH, IPC_PARENT, IPC_START, sizeof(struct ipc_start), 0,
		AT(ipc_start, root), PLACE_SIZE, 0 },
	{ "unterminated peer in a row", IPC_PARENT, IPC_CTL, IPC_CTL_ROW,
		sizeof(struct ipc_ctl_row), 0, AT(ipc_ctl_row, row.peer), PEER_SIZE, 0 },
	{ "unterminated mechanisms", IPC_LOGIN, IPC_MAILDROP, IPC_HANDOVER,
		sizeof(struct ipc_handover), 1, AT(ipc_handover, sasl), TEXT_SIZE, 0 },
	{ "more early octets than there are", IPC_LOGIN, IPC_MAILDROP, IPC_EARLY,
		sizeof(struct ipc_early), 0, AT(ipc_early, size), 4, 0 },
	{ "a bool of a handover", IPC_LOGIN, IPC_MAILDROP, IPC_HANDOVER,
		sizeof(struct ipc_handover), 1, AT(ipc_handover, user), 1, 0 },
	{ "a bool of 255", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY, 0, AT(ipc_check,
		client.tls), 1, 0 },
	{ "another bool of 255", IPC_LOGIN, IPC_AUTH, IPC_SASL_START,
		sizeof(struct ipc_sasl_start), 0, AT(ipc_sasl_start, initial), 1, 0 },
	{ "an enum out of range", IPC_AUTH, IPC_LOGIN, IPC_REFUSED,
		sizeof(struct ipc_refused), 0, AT(ipc_refused, kind), 4, 0 },
	{ "only the enum's last octet", IPC_AUTH, IPC_LOGIN, IPC_REFUSED,
		sizeof(struct ipc_refused), 0, AT(ipc_refused, kind) + 3, 1, 0 },
	{ "a method out of range", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY, 0,
		AT(ipc_check, method), 1, 0 },
	{ "a SASL size out of range", IPC_LOGIN, IPC_AUTH, IPC_SASL_STEP,
		sizeof(struct ipc_sasl_data), 0, AT(ipc_sasl_data, size), 4, 0 },
	{ "a SASL size just out of range", IPC_LOGIN, IPC_AUTH, IPC_SASL_START,
		sizeof(struct ipc_sasl_start), 0, AT(ipc_sasl_start, size) + 1, 1, 0 },
	{ "a SASL challenge size", IPC_AUTH, IPC_LOGIN, IPC_SASL_CHALLENGE,
		sizeof(struct ipc_sasl_data), 0, AT(ipc_sasl_data, size), 4, 0 },
	{ "too many ticket keys", IPC_PARENT, IPC_LOGIN, IPC_TICKET_KEYS,
		sizeof(struct ipc_ticket_keys), 0, AT(ipc_ticket_keys, count), 1, 0 },
	{ "a role out of range", IPC_PARENT, IPC_LOGIN, IPC_CHANNEL,
		sizeof(struct ipc_channel_for), 1, AT(ipc_channel_for, role), 1, 0 },
	{ "unterminated address", IPC_LMTP, IPC_AUTH, IPC_RECIPIENT, sizeof(struct ipc_recipient), 0,
		AT(ipc_recipient, otherwise), USER_SIZE, 0 },
	{ "unterminated place of a warrant", IPC_LMTP, IPC_MAILDROP, IPC_DELIVER, sizeof(struct ipc_deliver), 1,
		AT(ipc_deliver, warrant.place), PLACE_SIZE, 0 },
	{ "more lines of trace than there is room", IPC_LMTP, IPC_MAILDROP, IPC_DELIVER,
		sizeof(struct ipc_deliver), 1, AT(ipc_deliver, head_size), 4, 0 },
	{ "a delivery without a message", IPC_LMTP, IPC_MAILDROP, IPC_DELIVER, sizeof(struct ipc_deliver), 0,
		0, 0, 0 },
	{ "more lines of trace before a short message", IPC_LMTP, IPC_MAILDROP, IPC_DELIVER_TEXT,
		sizeof(struct ipc_deliver_text), 0, AT(ipc_deliver_text, deliver.head_size), 4, 0 },
	{ "a short message that is too long", IPC_LMTP, IPC_MAILDROP, IPC_DELIVER_TEXT,
		sizeof(struct ipc_deliver_text), 0, AT(ipc_deliver_text, size), 4, 0 },
	{ "unterminated folder of a short message", IPC_LMTP, IPC_MAILDROP, IPC_DELIVER_TEXT,
		sizeof(struct ipc_deliver_text), 0, AT(ipc_deliver_text, deliver.folder), TEXT_SIZE, 0 },
	{ "a short message with another", IPC_LMTP, IPC_MAILDROP, IPC_DELIVER_TEXT,
		sizeof(struct ipc_deliver_text), 1, 0, 0, 0 },
	{ "an outcome out of range", IPC_MAILDROP, IPC_LMTP, IPC_DELIVERED, sizeof(struct ipc_delivered), 0,
		AT(ipc_delivered, kind), 1, ERROR_KIND_COUNT },
	{ "a bool of 2", IPC_LOGIN, IPC_AUTH, IPC_CHECK, CHECK_BODY, 0, AT(ipc_check,
		client.tls), 1, 2 },
	{ "four ticket keys", IPC_PARENT, IPC_LOGIN, IPC_TICKET_KEYS,
		sizeof(struct ipc_ticket_keys), 0, AT(ipc_ticket_keys, count), 1, 4 },
	{ "an enum at its count", IPC_AUTH, IPC_LOGIN, IPC_REFUSED,
		sizeof(struct ipc_refused), 0, AT(ipc_refused, kind), 1, ERROR_KIND_COUNT },
};

static void
test_broken_messages_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct {
			uint32_t type;
			unsigned char body[sizeof(union ipc_body) + 16];
		} datagram = { .type = broken[i].type };
		size_t before = open_descriptor_count();
		struct ipc_message message;

		open_pair(broken[i].from, broken[i].to);
		memset(datagram.body + broken[i].fill_at, broken[i].fill ? broken[i].fill : 0xff,
		    broken[i].fill_size);
		send_raw(&datagram, sizeof(datagram.type) + broken[i].size, broken[i].descriptor_count);
		if (channel_receive(&right, &message, &error) != -1)
			fail_msg("accepted: %s", broken[i].name);
		assert_int_equal(error.kind, ERROR_PROTOCOL);
		close_pair();
		if (open_descriptor_count() != before)
			fail_msg("left a descriptor open: %s", broken[i].name);
	}
}

/* The ring, read from the other side: who hears what from whom. */
static void
test_who_hears_whom(void **state)
{
	static const struct {
		unsigned from, to;
		const enum ipc_type types[8];
	} sayings[] = {
		{ IPC_LOGIN, IPC_MAILDROP, { IPC_EARLY, IPC_HANDOVER } },
		{ IPC_MAILDROP, IPC_LOGIN, { 0 } },
		{ IPC_MAILDROP, IPC_AUTH, { 0 } },
		{ IPC_CTL, IPC_AUTH, { 0 } },
		{ IPC_LOGIN, IPC_AUTH, { IPC_CHECK, IPC_SASL_START, IPC_SASL_STEP, IPC_FORGET } },
		{ IPC_AUTH, IPC_LOGIN, { IPC_SASL_CHALLENGE, IPC_REFUSED, IPC_GRANTED } },
		{ IPC_AUTH, IPC_MAILDROP, { IPC_OPEN, IPC_WARRANT_KEY } },
		{ IPC_LMTP, IPC_AUTH, { IPC_RECIPIENT } },
		{ IPC_AUTH, IPC_LMTP, { IPC_RECIPIENT_FOUND, IPC_RECIPIENT_REFUSED } },
		{ IPC_LMTP, IPC_MAILDROP, { IPC_DELIVER, IPC_DELIVER_TEXT } },
		{ IPC_MAILDROP, IPC_LMTP, { IPC_DELIVERED } },
		{ IPC_LMTP, IPC_LOGIN, { 0 } },
		{ IPC_LMTP, IPC_PARENT, { IPC_READY, IPC_ROW, IPC_REPORT_END, IPC_CHANNEL_LOST } },
		{ IPC_LOGIN, IPC_PARENT, { IPC_READY, IPC_ROW, IPC_REPORT_END, IPC_CHANNEL_LOST } },
		{ IPC_MAILDROP, IPC_PARENT, { IPC_READY, IPC_ROW, IPC_REPORT_END } },
		{ IPC_AUTH, IPC_PARENT, { IPC_READY, IPC_START, IPC_ROW, IPC_REPORT_END } },
		{ IPC_CTL, IPC_PARENT, { IPC_CTL_RELOAD, IPC_CTL_REPORT, IPC_CTL_KICK } },
		{ IPC_PARENT, IPC_CTL, { IPC_CTL_ROW, IPC_CTL_RESULT } },
		{ IPC_PARENT, IPC_MAILDROP,
		  { IPC_SETTINGS, IPC_CHANNEL, IPC_LOG, IPC_STOP, IPC_REPORT, IPC_KICK } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sayings); i++) {
		const enum ipc_type *expected = sayings[i].types;

		for (uint32_t type = 1; type < IPC_TYPE_COUNT; type++)
			if (ipc_rules[type].from & 1u << sayings[i].from &&
			    ipc_rules[type].to & 1u << sayings[i].to)
				assert_int_equal(type, *expected++);
		assert_int_equal(*expected, 0);
	}
}

static void
test_a_datagram_without_a_whole_type(void **state)
{
	struct ipc_message message;

	(void)state;
	open_pair(IPC_LOGIN, IPC_AUTH);
	send_raw("\x12\0", 3, 0);
	assert_int_equal(channel_receive(&right, &message, &error), -1);
	assert_int_equal(error.kind, ERROR_PROTOCOL);
	close_pair();
}

static void
test_the_largest_sizes_are_accepted(void **state)
{
	struct ipc_sasl_start start = { .size = IPC_SASL_SIZE, .initial = true };
	struct ipc_check check = { .method = IPC_CHECK_APOP, .client = { .tls = true } };
	struct ipc_message message;

	(void)state;
	memset(start.data, 0xff, sizeof(start.data));
	memset(check.password, 'x', sizeof(check.password) - 1);
	open_pair(IPC_LOGIN, IPC_AUTH);
	assert_int_equal(channel_send(&left, IPC_SASL_START, &start, -1, &error), 0);
	assert_int_equal(channel_send(&left, IPC_CHECK, &check, -1, &error), 0);
	assert_int_equal(channel_receive(&right, &message, &error), 1);
	assert_memory_equal(&message.body, &start, sizeof(start));
	assert_int_equal(channel_receive(&right, &message, &error), 1);
	assert_memory_equal(&message.body, &check, sizeof(check));
	ipc_message_wipe(&message);
	for (size_t i = 0; i < sizeof(message.body.check.password); i++)
		assert_int_equal(message.body.check.password[i], 0);
	assert_int_equal(channel_receive(&right, &message, &error), 0);
	close_pair();
}

static void
test_a_descriptor_is_closed_on_exec_and_stays_the_senders(void **state)
{
	struct ipc_message message;
	int ends[2];
	char c;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	open_pair(IPC_LOGIN, IPC_MAILDROP);
	assert_int_equal(
	    channel_send(&left, IPC_HANDOVER, &(struct ipc_handover){ 0 }, ends[1], &error), 0);
	assert_int_equal(channel_receive(&right, &message, &error), 1);
	assert_int_equal(fcntl(message.descriptor, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(message.descriptor, "1", 1), 1);
	assert_int_equal(write(ends[1], "2", 1), 1);
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_int_equal(c, '1');
	close(message.descriptor);
	close(ends[0]);
	close(ends[1]);
	close_pair();
}

/* The second and later messages of a full socket wait, each with its own descriptor. */
static void
test_order_is_kept_when_the_socket_is_full(void **state)
{
	struct ipc_message message;
	struct ipc_handover letter = { 0 };
	size_t before = open_descriptor_count();
	uint64_t next = 0, sent = 0;
	int ends[2];

	(void)state;
	open_pair(IPC_LOGIN, IPC_MAILDROP);
	while (left.queued_count < 20) {
		letter.session = sent++;
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		assert_int_equal(write(ends[1], &letter.session, sizeof(letter.session)), 8);
		close(ends[1]);
		assert_int_equal(channel_send(&left, IPC_HANDOVER, &letter, ends[0], &error), 0);
		close(ends[0]);
	}
	assert_true(channel_wants_write(&left));
	while (next < sent) {
		int got = channel_receive(&right, &message, &error);
		uint64_t inside;

		assert_true(got >= 0);
		if (got == 0) {
			assert_int_equal(channel_flush(&left, &error), 0);
			continue;
		}
		assert_int_equal(message.body.handover.session, next);
		assert_int_equal(read(message.descriptor, &inside, sizeof(inside)), 8);
		assert_int_equal(inside, next++);
		close(message.descriptor);
		/* One that comes while others wait goes behind them, even if there is room now. */
		if (next == 5) {
			letter.session = sent++;
			assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
			assert_int_equal(write(ends[1], &letter.session, sizeof(letter.session)), 8);
			close(ends[1]);
			assert_int_equal(channel_send(&left, IPC_HANDOVER, &letter, ends[0], &error), 0);
			close(ends[0]);
		}
	}
	assert_false(channel_wants_write(&left));
	assert_int_equal(left.queued_size, 0);
	close_pair();
	assert_int_equal(open_descriptor_count(), before);
}

static void
test_the_queue_is_bounded(void **state)
{
	struct ipc_sasl_start start = { 0 };
	size_t sent = 0;

	(void)state;
	open_pair(IPC_LOGIN, IPC_AUTH);
	while (channel_send(&left, IPC_SASL_START, &start, -1, &error) == 0)
		assert_true(++sent < 100000);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_true(left.queued_size <= 4 << 20);
	close_pair();
	assert_int_equal(channel_send(&left, IPC_SASL_START, &start, -1, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	channel_close(&left);
}

static void
test_the_peer_has_gone(void **state)
{
	struct ipc_forget forget = { .session = 7 };
	struct ipc_message message;

	(void)state;
	/* What it said before it went is still heard, although it left something unread itself. */
	open_pair(IPC_LOGIN, IPC_AUTH);
	assert_int_equal(channel_send(&left, IPC_FORGET, &forget, -1, &error), 0);
	assert_int_equal(channel_send(&right, IPC_REFUSED, &(struct ipc_refused){ 0 }, -1, &error), 0);
	channel_close(&left);
	assert_int_equal(channel_receive(&right, &message, &error), 1);
	assert_int_equal(message.body.forget.session, 7);
	assert_int_equal(channel_receive(&right, &message, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	assert_int_equal(channel_send(&right, IPC_REFUSED, &(struct ipc_refused){ 0 }, -1, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	close_pair();

	open_pair(IPC_LOGIN, IPC_AUTH);
	while (!channel_wants_write(&left))
		assert_int_equal(channel_send(&left, IPC_FORGET, &forget, -1, &error), 0);
	channel_close(&right);
	assert_int_equal(channel_flush(&left, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	close_pair();
}

/* Too many clients at once must not cost a process its channel. */
static void
test_no_room_for_a_descriptor(void **state)
{
	struct rlimit before, full;
	struct ipc_message message;
	int last;

	(void)state;
	open_pair(IPC_LOGIN, IPC_MAILDROP);
	assert_int_equal(
	    channel_send(&left, IPC_HANDOVER, &(struct ipc_handover){ .session = 9 }, 0, &error), 0);
	last = dup(0);
	close(last);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	full = (struct rlimit){ (rlim_t)last, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
	assert_int_equal(channel_receive(&right, &message, &error), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(message.body.handover.session, 9);
	assert_int_equal(message.descriptor, -1);
	assert_true(ipc_message_is_maimed(&message));
	assert_int_equal(channel_receive(&right, &message, &error), 0);
	close_pair();
}

static void
test_a_message_that_is_not_ours_is_not_sent(void **state)
{
	struct ipc_message message;

	(void)state;
	open_pair(IPC_AUTH, IPC_LOGIN);
	assert_int_equal(channel_send(&left, IPC_GRANTED, &(struct ipc_granted){ 0 }, 0, &error), -1);
	assert_int_equal(error.kind, ERROR_PROTOCOL);
	assert_int_equal(channel_send(&left, IPC_REFUSED, &(struct ipc_refused){ 0 }, 0, &error), -1);
	assert_int_equal(channel_send(&left, IPC_REFUSED, NULL, -1, &error), -1);
	assert_int_equal(channel_send(&left, IPC_TYPE_COUNT, NULL, -1, &error), -1);
	assert_int_equal(channel_receive(&right, &message, &error), 0);
	close_pair();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_rule_is_obeyed_both_ways),
		cmocka_unit_test(test_who_hears_whom),
		cmocka_unit_test(test_broken_messages_are_refused),
		cmocka_unit_test(test_a_datagram_without_a_whole_type),
		cmocka_unit_test(test_the_largest_sizes_are_accepted),
		cmocka_unit_test(test_a_descriptor_is_closed_on_exec_and_stays_the_senders),
		cmocka_unit_test(test_order_is_kept_when_the_socket_is_full),
		cmocka_unit_test(test_the_queue_is_bounded),
		cmocka_unit_test(test_the_peer_has_gone),
		cmocka_unit_test(test_no_room_for_a_descriptor),
		cmocka_unit_test(test_a_message_that_is_not_ours_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
