/* The clients of fake_ring.h. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "login/fake_ring.h"

struct fake_user {
	struct fake_ring *ring;
	int socket;
	struct fake_client *tls;
	bool untidy;		/* the server went without a goodbye, or by a reset */
};

struct fake_user *
user_connect_raw(struct fake_ring *ring, enum fake_port port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(ring->ports[port]),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct fake_user *user = calloc(1, sizeof(*user));

	assert_non_null(user);
	user->ring = ring;
	user->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(user->socket >= 0);
	if (ring->narrow)
		setsockopt(user->socket, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
	if (connect(user->socket, (struct sockaddr *)&address, sizeof(address)) != 0) {
		user_leaves(user);
		return NULL;
	}
	assert_int_equal(fcntl(user->socket, F_SETFL, O_NONBLOCK), 0);
	return user;
}

bool
user_starts_tls(struct fake_user *user)
{
	int done;

	user->tls = fake_client_new(user->socket,
	    &(struct fake_client_wish){ .version_max = user->ring->tls_version_max,
		.session = user->ring->ticket });
	while ((done = fake_client_handshake(user->tls)) == 0)
		if (!ring_serve_with(user->ring, PATIENCE_MILLISECONDS, user->socket, POLLIN))
			ring_give_up(user->ring, "the handshake hangs");
	return done == 1;
}

struct fake_user *
user_connect(struct fake_ring *ring, enum fake_port port)
{
	struct fake_user *user = user_connect_raw(ring, port);

	if (port == PORT_TLS && !user_starts_tls(user)) {
		user_leaves(user);
		return NULL;
	}
	return user;
}

void
user_says(struct fake_user *user, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = user->tls != NULL ? fake_client_write(user->tls, text, (int)size) :
		    send(user->socket, text, size, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			size -= (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return;
		if (!ring_serve_with(user->ring, PATIENCE_MILLISECONDS, user->socket, POLLOUT))
			ring_give_up(user->ring, "nobody listens");
	}
}

size_t
user_hears(struct fake_user *user, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = user->tls != NULL ?
		    fake_client_read(user->tls, text + used, (int)(size - used)) :
		    recv(user->socket, text + used, size - used, 0);

		if (n > 0) {
			used += (size_t)n;
			continue;
		}
		user->untidy = n == -2 || (user->tls == NULL && n < 0 && errno == ECONNRESET);
		if (n == 0 || n == -2 || (user->tls == NULL && errno == ECONNRESET))
			break;
		if (!ring_serve_with(user->ring, PATIENCE_MILLISECONDS, user->socket, POLLIN)) {
			text[used] = '\0';
			ring_give_up(user->ring, text);
		}
	}
	text[used] = '\0';
	return used;
}

void
user_expects(struct fake_user *user, const char *text)
{
	size_t size = strlen(text);
	char *heard = malloc(size + 1);

	assert_non_null(heard);
	user_hears(user, heard, size);
	assert_string_equal(heard, text);
	free(heard);
}

void
user_expects_end(struct fake_user *user)
{
	char rest[256];

	user_hears(user, rest, sizeof(rest) - 1);
	assert_string_equal(rest, "");
	assert_false(user->untidy);
}

struct fake_user *
user_logs_in(struct fake_ring *ring, enum fake_port port)
{
	struct fake_user *user = user_connect(ring, port);

	user_expects(user, READY);
	user_says(user, "USER anna\r\nPASS secret\r\n", 24);
	user_expects(user, "+OK send PASS\r\n+OK open []\r\n");
	return user;
}

void
user_leaves(struct fake_user *user)
{
	if (user->tls != NULL && user->ring->keep_tickets) {
		fake_session_free(user->ring->ticket);
		user->ring->ticket = fake_client_session(user->tls);
	}
	fake_client_free(user->tls);
	close(user->socket);
	free(user);
}

int
user_socket(const struct fake_user *user)
{
	return user->socket;
}

bool
user_resumed(const struct fake_user *user)
{
	return fake_client_resumed(user->tls);
}
