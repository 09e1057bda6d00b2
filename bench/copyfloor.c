/*
 * The floor for copying: what it costs to hand out the same octets when nobody needs to look at
 * them. A thread for each connection opens a file that is in wire form already and lets the kernel
 * send it. The files are all that is known: MAIL/user/list is the answer to LIST, MAIL/user/1 the first
 * message, both without the final dot.
 *
 *	copyfloor PORT MAIL
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int mail;	/* the directory of all maildrops */

struct client {
	int fd, maildrop;
	char input[4096];
	size_t begin, end;	/* of what was read and not yet answered */
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
client_say(struct client *client, const char *text, int flags)
{
	size_t size = strlen(text);

	return send(client->fd, text, size, MSG_NOSIGNAL | flags) == (ssize_t)size ? 0 : -1;
}

/* Says +OK, the file, and the final dot. */
static int
client_copy(struct client *client, const char *name)
{
	int file = openat(client->maildrop, name, O_RDONLY | O_CLOEXEC), result = -1;
	struct stat status;
	off_t offset = 0;

	if (file < 0)
		return -1;
	if (fstat(file, &status) == 0 && client_say(client, "+OK\r\n", MSG_MORE) == 0) {
		while (offset < status.st_size &&
		    sendfile(client->fd, file, &offset, (size_t)(status.st_size - offset)) > 0)
			;
		if (offset == status.st_size)
			result = client_say(client, ".\r\n", 0);
	}
	close(file);
	return result;
}

/* Names are what the comparison made them: letters and digits. */
static int
maildrop_open(struct client *client, const char *user)
{
	if (strspn(user, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(user))
		return -1;
	client->maildrop = openat(mail, user, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return client->maildrop < 0 ? -1 : client_say(client, "+OK\r\n", 0);
}

/* Returns -1 when it is over. */
static int
client_answer(struct client *client, const char *line)
{
	if (strncmp(line, "USER ", 5) == 0 && client->maildrop < 0)
		return maildrop_open(client, line + 5);
	if (strncmp(line, "LIST", 4) == 0)
		return client_copy(client, "list");
	if (strncmp(line, "RETR ", 5) == 0 && strspn(line + 5, "0123456789") == strlen(line + 5))
		return client_copy(client, line + 5);
	if (strncmp(line, "QUIT", 4) == 0) {
		(void)client_say(client, "+OK\r\n", 0);
		return -1;
	}
	return client_say(client, "+OK\r\n", 0);
}

/* The next line, without its end; NULL when there is none to come. */
static const char *
client_line(struct client *client)
{
	for (;;) {
		char *line = client->input + client->begin;
		char *newline = memchr(line, '\n', client->end - client->begin);
		ssize_t n;

		if (newline) {
			*newline = '\0';
			line[strcspn(line, "\r")] = '\0';
			client->begin = (size_t)(newline + 1 - client->input);
			return line;
		}
		memmove(client->input, line, client->end - client->begin);
		client->end -= client->begin;
		client->begin = 0;
		n = recv(client->fd, client->input + client->end, sizeof(client->input) - client->end, 0);
		if (n <= 0)
			return NULL;
		client->end += (size_t)n;
	}
}

static void *
client_serve(void *argument)
{
	struct client client = { .fd = (int)(intptr_t)argument, .maildrop = -1 };
	const char *line;

	if (client_say(&client, "+OK copy floor\r\n", 0) == 0)
		while ((line = client_line(&client)) && client_answer(&client, line) == 0)
			;
	if (client.maildrop >= 0)
		close(client.maildrop);
	close(client.fd);
	return NULL;
}

static int
listen_on(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1024) < 0)
		die(port);
	return fd;
}

int
main(int argc, char *argv[])
{
	pthread_attr_t attributes;
	int listener;

	if (argc != 3) {
		fputs("usage: copyfloor PORT MAIL\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	mail = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mail < 0)
		die(argv[2]);
	listener = listen_on(argv[1]);
	if (pthread_attr_init(&attributes) != 0 ||
	    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) != 0)
		die("pthread_attr_init");
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (fd >= 0 &&
		    pthread_create(&thread, &attributes, client_serve, (void *)(intptr_t)fd) != 0)
			close(fd);
	}
}
