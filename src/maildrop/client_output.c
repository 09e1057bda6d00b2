/*
 * What leaves for a client: in as few system calls and packets as can be, and never held back. Part
 * of client.h.
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/pair.h"
#include "maildrop/client_list.h"

#define WAIT_SLICE_MILLISECONDS 1000	/* how soon an interruption is noticed while writing */
#define SENDFILE_MAX (1024 * 1024 * 1024)	/* for one call; the kernel takes little more */

bool
client_interrupted(const struct client *client)
{
	return atomic_load(&client->interruption) != SESSION_LIVES;
}

/* Waits, with another thread in the place of this one. */
int
client_poll(struct client *client, short events, uint64_t milliseconds)
{
	struct pollfd poll_descriptor = { .fd = client->source.descriptor, .events = events };
	int result;

	if (client->clients == NULL)
		return poll(&poll_descriptor, 1, (int)milliseconds);
	pool_blocking_begin(client->clients->pool);
	result = poll(&poll_descriptor, 1, (int)milliseconds);
	pool_blocking_end(client->clients->pool);
	return result;
}

/* Waits until the client takes more; false if it has taken nothing for too long, or must end. */
static bool
client_wait_writable(struct client *client)
{
	uint64_t deadline = clock_milliseconds() + client->rules->write_milliseconds;

	while (!client_interrupted(client)) {
		int result = client_poll(client, POLLOUT, WAIT_SLICE_MILLISECONDS);

		if (result > 0)
			return true;
		if ((result < 0 && errno != EINTR) || clock_milliseconds() >= deadline) {
			session_abort(&client->session, SESSION_STALLED);
			return false;
		}
	}
	return false;
}

/*
 * While more is to come at once no packet leaves half full. TCP_NODELAY is always on (login sets
 * it), so that the last one waits for nothing.
 */
static void
client_cork(struct client *client, bool corked)
{
	const int value = corked;

	if (!client->direct || client->corked == corked)
		return;
	client->corked = corked;
	/* Elsewhere than on TCP it fails, and is not needed. */
	(void)setsockopt(client->source.descriptor, IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
}

/* n is what write() or its like returned: true if it was worth something, or may be another time. */
static bool
client_sent(struct client *client, ssize_t n)
{
	if (n < 0)
		return errno == EINTR || (errno == EAGAIN && client_wait_writable(client));
	atomic_store(&client->heard_milliseconds, clock_milliseconds());
	atomic_fetch_add(&client->session.octets_out, (uint64_t)n);
	return true;
}

/* As write(). */
static ssize_t
client_send(struct client *client, const char *data, size_t size)
{
	size_t part = size < PAIR_OCTETS_MAX ? size : PAIR_OCTETS_MAX;
	bool last = client->parting && !client->writer.more && part == size;

	if (client->pair == NULL)
		return write(client->source.descriptor, data, size);
	if (pair_send(client->source.descriptor, last ? PAIR_LAST : PAIR_OCTETS, client->session.id, data,
		part) != 0)
		return -1;
	client->parted = last;
	return (ssize_t)part;
}

static int
client_write(void *context, const char *data, size_t size)
{
	struct client *client = context;

	if (client->writer.more)
		client_cork(client, true);
	while (size > 0) {
		ssize_t n = client_send(client, data, size);

		if (!client_sent(client, n))
			return -1;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* For a file that sendfile() does not take: a few file systems have none of it. */
static int
client_copy_file(struct client *client, int file, uint64_t size)
{
	struct scratch *scratch = client->session.scratch;
	uint64_t offset = 0;

	while (offset < size) {
		size_t wanted = sizeof(scratch->chunk);
		ssize_t n;

		if (size - offset < wanted)
			wanted = (size_t)(size - offset);
		n = pread(file, scratch->chunk, wanted, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !writer_put(&client->writer, scratch->chunk, (size_t)n))
			return -1;
		offset += (uint64_t)n;
	}
	return 0;
}

/* A failure of the socket is the writer's; all others, and an early end, are the file's. */
int
client_send_file(void *context, int file, uint64_t size)
{
	struct client *client = context;
	uint64_t left = size;

	if (!writer_pass(&client->writer))
		return -1;
	while (left > 0) {
		ssize_t n = sendfile(client->source.descriptor, file, NULL,
		    left < SENDFILE_MAX ? (size_t)left : SENDFILE_MAX);

		if (n < 0 && (errno == EINVAL || errno == ENOSYS) && left == size)
			return client_copy_file(client, file, size);
		if (n == 0 || (n < 0 && (errno == EIO || errno == ESTALE)))
			return -1;
		if (!client_sent(client, n)) {
			client->writer.failed = true;
			return -1;
		}
		if (n > 0)
			left -= (uint64_t)n;
	}
	return 0;
}

/* All that was said leaves now. */
bool
client_flush(struct client *client)
{
	bool done = writer_flush(&client->writer);

	client_cork(client, false);
	return done;
}

void
client_flush_last(struct client *client)
{
	if (client_flush(client) && !client->parted)
		client->parted = pair_send(client->source.descriptor, PAIR_LAST, client->session.id, NULL, 0) == 0;
}

/* Between a bad command and its answer. An interruption ends the wait by hanging up. */
void
client_pause(void *context, uint64_t milliseconds)
{
	struct client *client = context;

	if (client_flush(client))
		client_poll(client, 0, milliseconds);
}

void
client_lend(struct client *client, struct scratch *scratch)
{
	writer_init(&client->writer, scratch->output, sizeof(scratch->output), client_write, client);
	client->session.out = &client->writer;
	client->session.scratch = scratch;
}
