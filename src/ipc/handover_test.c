/* A client changes hands whole, or not at all. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/channel.h"
#include "ipc/packet.h"

static struct error error;
static int stream[2], client[2];
static char early[HANDOVER_EARLY_SIZE];
static size_t early_size;

static const struct ipc_handover sample = { .session = 77, .tls = true, .user = true, .sasl = "PLAIN" };

static int
make_streams(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, stream) +
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, client);
}

static int
close_streams(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		close(stream[i]);
		close(client[i]);
	}
	return 0;
}

static int
receive(struct ipc_handover *got, int *descriptor)
{
	return handover_receive(stream[1], got, descriptor, early, &early_size, &error);
}

static void
test_with_and_without_a_socket(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		struct ipc_handover got;
		int descriptor = -2;
		char c;

		assert_int_equal(receive(&got, &descriptor), 0);
		assert_int_equal(handover_send(stream[0], &sample, with ? client[1] : -1, "STAT\r\n",
		    with ? 6 : 0, &error), 0);
		assert_int_equal(receive(&got, &descriptor), 1);
		assert_memory_equal(&got, &sample, sizeof(got));
		assert_int_equal(early_size, with ? 6 : 0);
		if (!with) {
			assert_int_equal(descriptor, -1);
			continue;
		}
		assert_memory_equal(early, "STAT\r\n", 6);
		assert_int_equal(fcntl(descriptor, F_GETFD), FD_CLOEXEC);
		assert_int_equal(write(descriptor, "+", 1), 1);
		assert_int_equal(read(client[0], &c, 1), 1);
		close(descriptor);
	}
}

static void
test_early_octets(void **state)
{
	char sent[HANDOVER_EARLY_SIZE + 1];
	struct ipc_handover got;
	int descriptor;

	(void)state;
	memset(sent, 'x', sizeof(sent));
	assert_int_equal(handover_send(stream[0], &sample, client[1], sent, sizeof(sent), &error), -1);
	assert_int_equal(handover_send(stream[0], &sample, client[1], sent, sizeof(sent) - 1, &error), 0);
	assert_int_equal(receive(&got, &descriptor), 1);
	assert_int_equal(early_size, HANDOVER_EARLY_SIZE);
	assert_memory_equal(early, sent, early_size);
	close(descriptor);
}

static void
test_gone(void **state)
{
	struct ipc_handover got;
	int descriptor;

	(void)state;
	shutdown(stream[0], SHUT_WR);
	assert_int_equal(receive(&got, &descriptor), -1);
	assert_int_equal(error.kind, ERROR_GONE);
	close(stream[1]);
	stream[1] = dup(0);
	assert_int_equal(handover_send(stream[0], &sample, -1, NULL, 0, &error), -1);
	assert_int_equal(error.kind, ERROR_GONE);
}

static void
test_nonsense_is_refused(void **state)
{
	static const struct {
		size_t size;	/* how much of the struct */
		size_t fill_at, fill_size;	/* octets of it set to 0xff */
		int descriptor;	/* attached */
	} cases[] = {
		{ 1, 0, 0, -1 },
		{ sizeof(sample) - 1, 0, 0, -1 },
		{ sizeof(sample), offsetof(struct ipc_handover, tls), 1, -1 },
		{ sizeof(sample), offsetof(struct ipc_handover, stls), 1, -1 },
		{ sizeof(sample), offsetof(struct ipc_handover, user), 1, -1 },
		{ sizeof(sample), offsetof(struct ipc_handover, sasl), TEXT_SIZE, -1 },
		{ sizeof(sample), 0, 0, 0 },	/* standard input is no stream socket */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char octets[sizeof(sample)];
		struct iovec part = { .iov_base = octets, .iov_len = cases[i].size };
		struct ipc_handover got;
		int descriptor = -2, before = dup(0);

		close(before);
		memcpy(octets, &sample, sizeof(octets));
		memset(octets + cases[i].fill_at, 0xff, cases[i].fill_size);
		assert_int_equal(packet_send(stream[0], &part, 1, cases[i].descriptor), cases[i].size);
		if (receive(&got, &descriptor) != -1)
			fail_msg("case %zu was accepted", i);
		assert_int_equal(error.kind, ERROR_PROTOCOL);
		assert_int_equal(descriptor, -2);
		assert_int_equal(dup(0), before);
		close(before);
	}
}

/* What could hold a thread of the maildrop for as long as login likes. */
static void
test_only_clients_are_taken(void **state)
{
	static const struct {
		const char *name;
		int type;
		bool listens, taken;
	} cases[] = {
		{ "a client", SOCK_STREAM | SOCK_NONBLOCK, false, true },
		{ "blocking", SOCK_STREAM, false, false },
		{ "listening", SOCK_STREAM | SOCK_NONBLOCK, true, false },
		{ "datagrams", SOCK_DGRAM | SOCK_NONBLOCK, false, false },
		{ "packets", SOCK_SEQPACKET | SOCK_NONBLOCK, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int one = socket(AF_UNIX, cases[i].type, 0), descriptor = -1;
		struct ipc_handover got;

		print_message("%s\n", cases[i].name);
		assert_true(one >= 0);
		if (cases[i].listens) {
			const struct sockaddr nameless = { .sa_family = AF_UNIX };

			assert_int_equal(bind(one, &nameless, sizeof(nameless.sa_family)), 0);
			assert_int_equal(listen(one, 1), 0);
		}
		assert_int_equal(handover_send(stream[0], &sample, one, NULL, 0, &error), 0);
		assert_int_equal(receive(&got, &descriptor), cases[i].taken ? 1 : -1);
		if (cases[i].taken)
			close(descriptor);
		else
			assert_int_equal(error.kind, ERROR_PROTOCOL);
		close(one);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_with_and_without_a_socket, make_streams, close_streams),
		cmocka_unit_test_setup_teardown(test_early_octets, make_streams, close_streams),
		cmocka_unit_test_setup_teardown(test_gone, make_streams, close_streams),
		cmocka_unit_test_setup_teardown(test_nonsense_is_refused, make_streams, close_streams),
		cmocka_unit_test_setup_teardown(test_only_clients_are_taken, make_streams, close_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
