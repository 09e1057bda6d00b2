/*
 * How the real restante-maildrop answers: whole, in few pieces, and by sendfile() where a message is
 * stored in wire form; also to a client that reads slowly, and when a file is cut while it is sent.
 */

#include "maildrop/fake_ring.h"

#include <linux/tcp.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE       "sixty-eight octets and a CRLF make seventy octets of this message ok\r\n"
#define SMALL_WINDOW 16384
#define LINE_COUNT 200000	/* 14 MB: more than any socket takes at once */

static struct talker
log_in_by_tcp(const char *early)
{
	int client[2];

	tcp_pair(client, SMALL_WINDOW);
	auth_opens("anna", 1);
	login_hands_over(1, client[1], false, early);
	return (struct talker){ .socket = client[0] };
}

/* The large message and its final dot; slowly: a little at a time, with pauses at the beginning. */
static void
hear_large(const struct talker *talker, bool slowly)
{
	size_t line_size = strlen(LINE), size = LINE_COUNT * line_size, heard = 0;
	char *text = malloc(size);

	assert_non_null(text);
	for (int reads = 0; heard < size; reads++) {
		size_t part = slowly && size - heard > 1000 ? 1000 : size - heard;
		ssize_t n = talker_read(talker, text + heard, part);

		assert_true(n > 0);
		heard += (size_t)n;
		if (slowly && reads < 100)
			usleep(1000);
	}
	for (size_t i = 0; i < size; i += line_size)
		assert_memory_equal(text + i, LINE, line_size);
	free(text);
	hear(talker, ".\r\n");
}

static void
test_large_messages_arrive_whole(void **state)
{
	static const struct {
		bool tcp, slowly;
	} ways[] = { { true, false }, { true, true }, { false, false }, { false, true } };

	(void)state;
	file_put("anna", "3.wire", LINE, LINE_COUNT);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const char *early = "RETR 3\r\nNOOP\r\nRETR 3\r\nRETR 1\r\n";
		struct talker anna = ways[i].tcp ? log_in_by_tcp(early)
		                                 : log_in("anna", ways[i].slowly, 1, early);

		hear(&anna, "+OK 3 messages (14000006 octets)\r\n+OK 14000000 octets\r\n");
		hear_large(&anna, ways[i].slowly);
		hear(&anna, "+OK still here\r\n+OK 14000000 octets\r\n");
		hear_large(&anna, ways[i].slowly);
		hear(&anna, "+OK 3 octets\r\na\r\n.\r\n");
		say(&anna, "QUIT\r\n");
		hear(&anna, "+OK goodbye (3 messages left)\r\n");
		hear_the_end(&anna);
		close(anna.socket);
	}
}

/* What is left of the file is sent; that it is not all is told by hanging up without a dot. */
static void
test_a_file_that_is_cut_has_no_final_dot(void **state)
{
	char path[300], text[65536];
	struct talker anna;
	size_t heard = 0;
	ssize_t n;

	(void)state;
	file_put("anna", "3.wire", LINE, LINE_COUNT);
	snprintf(path, sizeof(path), "%s/anna/new/3.wire", root);
	anna = log_in_by_tcp("DELE 1\r\nRETR 3\r\nQUIT\r\n");
	hear(&anna, "+OK 3 messages (14000006 octets)\r\n+OK message 1 deleted\r\n"
	    "+OK 14000000 octets\r\n" LINE);
	assert_int_equal(truncate(path, 70), 0);
	while ((n = talker_read(&anna, text, sizeof(text))) > 0) {
		heard += (size_t)n;
		assert_memory_not_equal(text + n - 3, ".\r\n", 3);
	}
	assert_true(heard + strlen(LINE) < LINE_COUNT * strlen(LINE));
	close(anna.socket);
	assert_true(file_exists("anna", "1.a"));
}

/* The store knows the form, and then somebody writes another into the file: it is converted. */
static void
test_a_file_that_changed_before_is_sent_with_care(void **state)
{
	struct talker anna;

	(void)state;
	file_put("anna", "3.wire", LINE, 1000);
	anna = log_in_by_tcp("");
	hear(&anna, "+OK 3 messages (70006 octets)\r\n");
	usleep(20000);		/* a coarse clock must have moved on */
	file_put("anna", "3.wire", ".\n", 35000);
	say(&anna, "RETR 3\r\n");
	hear(&anna, "+OK 70000 octets\r\n");
	for (int i = 0; i < 35000; i++)
		hear(&anna, "..\r\n");
	hear(&anna, ".\r\n");
	close(anna.socket);
}

/* A record is what one system call has written. */
static void
hear_record(const struct talker *talker, const char *expected)
{
	char text[2000];
	struct pollfd polled = { .fd = talker->socket, .events = POLLIN };
	struct pair_head head;
	ssize_t n;

	assert_int_equal(poll(&polled, 1, 60000), 1);
	n = pair_receive(talker->socket, &head, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void
test_what_is_ready_together_leaves_together(void **state)
{
	struct talker anna;
	struct error error;
	int pair[2];

	(void)state;
	file_put("anna", "3.wire", LINE, 10);
	assert_int_equal(pair_make(pair, &error), 0);
	auth_opens("anna", 1);
	login_hands_over(1, pair[1], true, "STAT\r\nLIST 1\r\n");
	anna = (struct talker){ .socket = pair[0], .session = 1 };
	hear_record(&anna, "+OK 3 messages (706 octets)\r\n+OK 3 706\r\n+OK 1 3\r\n");
	say(&anna, "RETR 2\r\n");
	hear_record(&anna, "+OK 3 octets\r\nb\r\n.\r\n");
	say(&anna, "RETR 3\r\n");
	hear_record(&anna, "+OK 700 octets\r\n" LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE ".\r\n");
	say(&anna, "NOOP\r\nRETR 1\r\nRETR 2\r\nTOP 1 0\r\nLIST\r\nUIDL\r\nNO");
	hear_record(&anna, "+OK still here\r\n+OK 3 octets\r\na\r\n.\r\n+OK 3 octets\r\nb\r\n.\r\n"
	    "+OK top of message follows\r\na\r\n.\r\n+OK sizes follow\r\n1 3\r\n2 3\r\n3 700\r\n.\r\n"
	    "+OK identifiers follow\r\n1 1.a\r\n2 2.b\r\n3 3.wire\r\n.\r\n");
	close(anna.socket);
}

static unsigned
segments_received(int socket)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	assert_int_equal(getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	return info.tcpi_data_segs_in;
}

/* +OK, file and dot are sent by three system calls, and are one packet where there is room in one. */
static void
test_no_packet_leaves_half_full(void **state)
{
	struct talker anna;
	int client[2], servers, corked = -1;
	socklen_t size = sizeof(corked);
	unsigned before;

	(void)state;
	file_put("anna", "3.wire", LINE, 300);
	tcp_pair(client, 0);
	servers = dup(client[1]);
	auth_opens("anna", 1);
	login_hands_over(1, client[1], false, "");
	anna = (struct talker){ .socket = client[0] };
	hear(&anna, "+OK 3 messages (21006 octets)\r\n");
	before = segments_received(anna.socket);
	say(&anna, "NOOP\r\nRETR 3\r\nNOOP\r\n");
	hear(&anna, "+OK still here\r\n+OK 21000 octets\r\n");
	for (int i = 0; i < 300; i++)
		hear(&anna, LINE);
	hear(&anna, ".\r\n+OK still here\r\n");
	assert_int_equal(segments_received(anna.socket), before + 1);
	/* Nothing that comes later is held back. */
	assert_int_equal(getsockopt(servers, IPPROTO_TCP, TCP_CORK, &corked, &size), 0);
	assert_int_equal(corked, 0);
	close(servers);
	close(anna.socket);
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_large_messages_arrive_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_that_is_cut_has_no_final_dot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_that_changed_before_is_sent_with_care, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_no_packet_leaves_half_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_ready_together_leaves_together, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char *argv[])
{
	return ring_run(argc, argv, run);
}
