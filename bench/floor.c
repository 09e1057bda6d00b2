/*
 * The floor: what a POP3 session costs when there is no mail, no user and no second process. It
 * answers every line at once with the same few words, in one thread with epoll, in clear text on one port and
 * over TLS on another. What a real server needs beyond this is what it does for its users.
 *
 *	floor PORT TLS-PORT CERTIFICATE KEY
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	int fd;
	SSL *ssl;		/* NULL: clear text */
	bool listener, greeted;
};

static int epoll_fd;
static SSL_CTX *tls;
static struct peer clear_listener = { .listener = true }, tls_listener = { .listener = true };

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
watch(struct peer *peer)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = peer };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, peer->fd, &event) < 0)
		die("epoll_ctl");
}

static void
listen_on(struct peer *peer, const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 || setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    bind(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(peer->fd, 1024) < 0)
		die(port);
	watch(peer);
}

static void
peer_end(struct peer *peer)
{
	SSL_free(peer->ssl);
	close(peer->fd);
	free(peer);
}

/* The answers fit into any socket's buffer; returns -1 when the peer has gone. */
static int
peer_say(struct peer *peer, const char *text)
{
	int size = (int)strlen(text);

	if (peer->ssl)
		return SSL_write(peer->ssl, text, size) == size ? 0 : -1;
	return send(peer->fd, text, (size_t)size, MSG_NOSIGNAL) == size ? 0 : -1;
}

static void
peer_accept(const struct peer *listener)
{
	struct peer *peer;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		die("calloc");
	peer->fd = fd;
	if (listener == &tls_listener) {
		peer->ssl = SSL_new(tls);
		if (!peer->ssl || SSL_set_fd(peer->ssl, fd) != 1)
			die("SSL_new");
		SSL_set_accept_state(peer->ssl);
	} else {
		peer->greeted = true;
		if (peer_say(peer, "+OK floor\r\n") < 0) {
			peer_end(peer);
			return;
		}
	}
	watch(peer);
}

/* Returns -1 when it is over. */
static int
peer_hear(struct peer *peer)
{
	char line[512];
	int n;

	if (!peer->greeted) {
		n = SSL_do_handshake(peer->ssl);
		if (n != 1)
			return SSL_get_error(peer->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
		peer->greeted = true;
		return peer_say(peer, "+OK floor\r\n");
	}
	if (peer->ssl) {
		n = SSL_read(peer->ssl, line, sizeof(line));
		if (n <= 0)
			return SSL_get_error(peer->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
	} else {
		n = (int)recv(peer->fd, line, sizeof(line), 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN ? 0 : -1;
	}
	if (line[0] == 'U' && line[1] == 'I')
		return peer_say(peer, "+OK\r\n.\r\n");
	if (line[0] == 'Q') {
		(void)peer_say(peer, "+OK bye\r\n");
		return -1;
	}
	return peer_say(peer, "+OK 0 0\r\n");
}

int
main(int argc, char *argv[])
{
	struct epoll_event events[64];

	if (argc != 5) {
		fputs("usage: floor PORT TLS-PORT CERTIFICATE KEY\n", stderr);
		return 2;
	}
	tls = SSL_CTX_new(TLS_server_method());
	if (!tls || SSL_CTX_use_certificate_chain_file(tls, argv[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, argv[4], SSL_FILETYPE_PEM) != 1) {
		fputs("floor: the certificate cannot be used\n", stderr);
		return 1;
	}
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(tls, 1);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		die("epoll_create1");
	listen_on(&clear_listener, argv[1]);
	listen_on(&tls_listener, argv[2]);
	for (;;) {
		int count = epoll_wait(epoll_fd, events, 64, -1);

		for (int i = 0; i < count; i++) {
			struct peer *peer = events[i].data.ptr;

			if (peer->listener)
				peer_accept(peer);
			else if (peer_hear(peer) < 0)
				peer_end(peer);
		}
	}
}
