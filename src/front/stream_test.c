/* A stream in clear text: everything written arrives, once and in order. TLS has tests of its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "front/stream.h"

static int
open_stream(struct stream *stream)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	/* So small that it never takes much at once. */
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &(int){ 2048 }, sizeof(int));
	*stream = (struct stream){ .socket = ends[0] };
	return ends[1];
}

static void
test_waiting(void **state)
{
	static char sent[300000], heard[sizeof(sent)];
	enum stream_status status;
	struct stream stream;
	size_t used = 0;
	int peer = open_stream(&stream);

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 + i / 251);
	assert_int_equal(stream_write(&stream, sent, 100000), STREAM_AGAIN);
	assert_true(stream.stuck);
	assert_int_equal(stream_write(&stream, sent + 100000, 200000), STREAM_AGAIN);
	assert_int_equal(stream_flush(&stream), STREAM_AGAIN);
	while (used < sizeof(sent)) {
		ssize_t n = read(peer, heard + used, sizeof(heard) - used);

		used += n > 0 ? (size_t)n : 0;
		status = stream_flush(&stream);
		assert_true(status == STREAM_DONE || status == STREAM_AGAIN);
		assert_int_equal(stream.stuck, status == STREAM_AGAIN);
	}
	assert_memory_equal(heard, sent, sizeof(sent));
	assert_false(stream.stuck);
	assert_int_equal(stream_write(&stream, "+OK\r\n", 5), STREAM_DONE);
	assert_int_equal(read(peer, heard, sizeof(heard)), 5);
	stream_close(&stream);
	assert_int_equal(read(peer, heard, sizeof(heard)), 0);
	close(peer);
}

static void
test_reading(void **state)
{
	char buffer[16];
	size_t size = sizeof(buffer);
	struct stream stream;
	int peer = open_stream(&stream);

	(void)state;
	assert_int_equal(stream_read(&stream, buffer, &size), STREAM_AGAIN);
	assert_int_equal(write(peer, "QUIT\r\n", 6), 6);
	assert_int_equal(stream_read(&stream, buffer, &size), STREAM_DONE);
	assert_int_equal(size, 6);
	assert_memory_equal(buffer, "QUIT\r\n", 6);
	assert_false(stream_pending(&stream));
	close(peer);
	size = sizeof(buffer);
	assert_int_equal(stream_read(&stream, buffer, &size), STREAM_END);
	assert_int_equal(stream_write(&stream, "x", 1), STREAM_FAILED);
	assert_string_equal(stream_failure(&stream), "Broken pipe");
	stream_close(&stream);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
