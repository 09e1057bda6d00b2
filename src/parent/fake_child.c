/*
 * Plays restante-login, restante-lmtp, restante-auth or restante-maildrop, by the name it is called: just enough
 * to see what the parent does. The fake login and the fake lmtp obey one line of each client:
 *
 *	who			answers "PID SLOT GENERATION UID"
 *	doors			answers how many maildrop processes it has doors to, and whether there is
 *				a channel to auth: "DOORS AUTH"
 *	start UID GID ROOT	has auth ask for that maildrop process, unless the parent has told of it
 *				unasked; "granted PID UID" or "refused KIND"
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "ipc/channel.h"

#define MAX          16
#define LMTP_NUMBERS 1000	/* to tell its slots from login's */

static struct fake {
	enum ipc_role role;
	bool check, ready;
	struct config config;
	struct ipc_channel control, peers[MAX]; /* by slot for auth; else [0] is auth */
	struct ipc_channel doors[MAX]; /* login and maildrop, by what the other is called */
	uint32_t numbers[MAX]; /* login: of the maildrop processes */
	int listening[MAX];
	size_t listening_count;
	uint32_t generation, next_generation, slot;
	int client; /* the one that waits for auth */
	struct ipc_start wanted;
	uint32_t wanted_slot;
	struct ipc_started known; /* the maildrop that the parent told of unasked */
	struct ipc_channel known_channel;
} fake = { .client = -1 };

static void
say(struct ipc_channel *channel, enum ipc_type type, const void *body, int descriptor)
{
	struct error error;

	if (channel_send(channel, type, body, descriptor, &error) < 0)
		fprintf(stderr, "fake child: %s\n", error.text);
}

static void
answer_client(const char *text)
{
	if (fake.client < 0)
		return;
	if (write(fake.client, text, strlen(text)) < 0)
		perror("fake child");
	close(fake.client);
	fake.client = -1;
}

static void
ready(void)
{
	if (!fake.ready)
		say(&fake.control, IPC_READY, NULL, -1);
	fake.ready = true;
}

static void
checked(bool keys)
{
	if (!fake.check || (fake.config.certificate_count > 0 && !keys))
		return;
	if (strcmp(fake.config.hostname, "bad.example") == 0) {
		fprintf(stderr, "the certificate is bad\n");
		exit(1);
	}
	exit(0);
}

static void
settings(int descriptor)
{
	struct error error;

	if (config_from_memfd(&fake.config, descriptor, &error) < 0)
		exit(4);
	checked(false);
	if (fake.role == IPC_MAILDROP && strstr(fake.config.mail_place, "crash") != NULL)
		exit(9);
	if (fake.role != IPC_LOGIN && fake.role != IPC_LMTP)
		ready();
}

static void
listener(const struct ipc_message *message)
{
	if (fake.next_generation != message->body.listener.generation) {
		fake.next_generation = message->body.listener.generation;
		while (fake.listening_count > 0)
			close(fake.listening[--fake.listening_count]);
	}
	fake.listening[fake.listening_count++] = fcntl(message->descriptor, F_DUPFD_CLOEXEC, 10);
}

/* The ring is closed: the maildrop is told, and the login that asked. */
static void
open_maildrop(struct ipc_channel *maildrop, uint32_t number)
{
	struct ipc_granted granted = { .session = 1, .maildrop = number, .user = "fake",
		.method = "PASS" };
	struct ipc_open open = { .session = 1, .slot = fake.wanted_slot, .user = "fake",
		.place = "maildir:/nowhere" };

	say(maildrop, IPC_OPEN, &open, -1);
	say(&fake.peers[fake.wanted_slot], IPC_GRANTED, &granted, -1);
	fake.wanted_slot = MAX;
}

/* What login does with the client whom auth has let in; the answer is the maildrop's. */
static void
hand_over(uint32_t number)
{
	struct ipc_handover handover = { .session = 1 };
	char text[64] = "no door\n";
	ssize_t length;
	int ends[2];
	size_t i = 0;

	while (i < MAX && (fake.numbers[i] != number || fake.doors[i].descriptor < 0))
		i++;
	if (i < MAX && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
		say(&fake.doors[i], IPC_HANDOVER, &handover, ends[0]);
		close(ends[0]);
		length = read(ends[1], text, sizeof(text) - 1);
		text[length > 0 ? length : 0] = '\0';
		close(ends[1]);
	}
	answer_client(text);
}

static void
door(const struct ipc_message *message)
{
	const struct ipc_channel_for *channel = &message->body.channel;
	uint32_t number = channel->slot + (channel->role == IPC_LMTP ? LMTP_NUMBERS : 0);
	size_t i = 0;

	while (i < MAX - 1 && fake.doors[i].descriptor >= 0 && fake.numbers[i] != number)
		i++;
	channel_close(&fake.doors[i]);
	fake.numbers[i] = number;
	channel_open(&fake.doors[i], fcntl(message->descriptor, F_DUPFD_CLOEXEC, 10), fake.role,
	    (enum ipc_role)channel->role);
}

static void
started(const struct ipc_message *message)
{
	struct ipc_channel maildrop;

	channel_open(
	    &maildrop, fcntl(message->descriptor, F_DUPFD_CLOEXEC, 10), IPC_AUTH, IPC_MAILDROP);
	if (fake.wanted_slot == MAX) {
		channel_close(&fake.known_channel);
		fake.known_channel = maildrop;
		fake.known = message->body.started;
		return;
	}
	open_maildrop(&maildrop, message->body.started.number);
	channel_close(&maildrop);
}

static void
report(uint32_t ticket)
{
	struct ipc_row row = { .ticket = ticket, .session = 7, .number = 3, .name = "fake" };
	struct ipc_report_end end = { .ticket = ticket, .number = 1 };

	say(&fake.control, IPC_ROW, &row, -1);
	say(&fake.control, IPC_REPORT_END, &end, -1);
}

static void
hear_parent(struct ipc_message *message)
{
	bool to_lmtp = message->type == IPC_CHANNEL && message->body.channel.role == IPC_LMTP;
	/* lmtp's slots are counted by themselves. */
	uint32_t slot = fake.role != IPC_AUTH ? 0 : to_lmtp ? MAX - 1 : message->body.channel.slot;
	struct ipc_refused refused = { .session = 1 };

	switch (message->type) {
	case IPC_SETTINGS:
		settings(message->descriptor);
		break;
	case IPC_KEYS:
		checked(true);
		break;
	case IPC_LISTENER:
		listener(message);
		break;
	case IPC_ACCEPT:
		fake.generation = message->body.accept.generation;
		ready();
		break;
	case IPC_CHANNEL:
		if (fake.role != IPC_AUTH && message->body.channel.role != IPC_AUTH) {
			door(message);
			break;
		}
		fake.slot = message->body.channel.slot;
		channel_close(&fake.peers[slot]);
		answer_client("auth has gone\n");
		channel_open(&fake.peers[slot], fcntl(message->descriptor, F_DUPFD_CLOEXEC, 10),
		    fake.role, (enum ipc_role)message->body.channel.role);
		break;
	case IPC_STARTED:
		started(message);
		break;
	case IPC_NOT_STARTED:
		refused.kind = message->body.not_started.kind;
		say(&fake.peers[fake.wanted_slot], IPC_REFUSED, &refused, -1);
		break;
	case IPC_REPORT:
	case IPC_KICK:
		report(message->body.report.ticket);
		break;
	case IPC_STOP:
		exit(0);
	default:
		break;
	}
}

static void
hear_peer(uint32_t slot, struct ipc_message *message)
{
	char text[64];

	if (message->type == IPC_CHECK) {
		memset(&fake.wanted, 0, sizeof(fake.wanted));
		fake.wanted_slot = slot;
		sscanf(message->body.check.user, "%u %u %200s", &fake.wanted.uid, &fake.wanted.gid,
		    fake.wanted.root);
		if (fake.known_channel.descriptor >= 0 && fake.known.uid == fake.wanted.uid &&
		    strcmp(fake.known.root, fake.wanted.root) == 0)
			open_maildrop(&fake.known_channel, fake.known.number);
		else
			say(&fake.control, IPC_START, &fake.wanted, -1);
	}
	if (message->type == IPC_REFUSED) {
		snprintf(text, sizeof(text), "refused %s\n",
		    error_kind_name(message->body.refused.kind));
		answer_client(text);
	}
	if (message->type == IPC_GRANTED)
		hand_over(message->body.granted.maildrop);
	if (message->type == IPC_HANDOVER)
		dprintf(message->descriptor, "granted %d %u\n", (int)getpid(), getuid());
}

static void
accept_client(int listening)
{
	struct ipc_check check = { .session = 1, .method = IPC_CHECK_PASS };
	int client = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	char line[256], answer[64];
	ssize_t length = client < 0 ? -1 : read(client, line, sizeof(line) - 1);

	if (length <= 0) {
		close(client);
		return;
	}
	line[length] = '\0';
	answer_client("busy\n");
	fake.client = client;
	if (strncmp(line, "doors", 5) == 0) {
		unsigned doors = 0;

		for (size_t i = 0; i < MAX; i++)
			doors += fake.doors[i].descriptor >= 0;
		snprintf(answer, sizeof(answer), "%u %d\n", doors, fake.peers[0].descriptor >= 0);
		answer_client(answer);
	} else if (strncmp(line, "start ", 6) != 0) {
		snprintf(answer, sizeof(answer), "%d %u %u %u\n", (int)getpid(), fake.slot,
		    fake.generation, getuid());
		answer_client(answer);
	} else if (fake.peers[0].descriptor < 0) {
		answer_client("no auth\n");
	} else {
		snprintf(check.user, sizeof(check.user), "%.200s", line + 6);
		say(&fake.peers[0], IPC_CHECK, &check, -1);
	}
}

static void
hear(struct ipc_channel *channel, uint32_t slot)
{
	struct ipc_message message;
	struct error error;
	int status;

	while (channel->descriptor >= 0 &&
	       (status = channel_receive(channel, &message, &error)) != 0) {
		if (status < 0) {
			channel_close(channel);
			if (channel == &fake.control)
				exit(0);
			if (fake.role == IPC_LOGIN && channel == &fake.peers[0])
				answer_client("auth has gone\n");
			return;
		}
		if (channel == &fake.control)
			hear_parent(&message);
		else
			hear_peer(slot, &message);
		if (message.descriptor >= 0)
			close(message.descriptor);
	}
}

static void
turn(void)
{
	struct pollfd polled[1 + 3 * MAX];

	memset(polled, 0, sizeof(polled));
	polled[0] = (struct pollfd){ .fd = fake.control.descriptor, .events = POLLIN };
	for (size_t i = 0; i < MAX; i++) {
		polled[1 + i] = (struct pollfd){ .fd = fake.peers[i].descriptor, .events = POLLIN };
		polled[1 + MAX + i] = (struct pollfd){
			.fd = i < fake.listening_count && fake.ready ? fake.listening[i] : -1,
			.events = POLLIN
		};
		polled[1 + 2 * MAX + i] =
		    (struct pollfd){ .fd = fake.doors[i].descriptor, .events = POLLIN };
	}
	if (poll(polled, 1 + 3 * MAX, -1) < 0)
		exit(5);
	/* Channels come before the clients that need them. */
	if (polled[0].revents) {
		hear(&fake.control, 0);
		return;
	}
	for (uint32_t i = 0; i < MAX; i++) {
		if (polled[1 + i].revents)
			hear(&fake.peers[i], i);
		if (polled[1 + 2 * MAX + i].revents)
			hear(&fake.doors[i], i);
		if (polled[1 + MAX + i].revents)
			accept_client(polled[1 + MAX + i].fd);
	}
}

int
main(int argc, char **argv)
{
	fake.check = argc > 1 && strcmp(argv[1], "--check") == 0;
	fake.role = strstr(argv[0], "auth") != NULL       ? IPC_AUTH
		    : strstr(argv[0], "maildrop") != NULL ? IPC_MAILDROP
		    : strstr(argv[0], "lmtp") != NULL     ? IPC_LMTP
							  : IPC_LOGIN;
	fake.wanted_slot = MAX;
	fake.known_channel.descriptor = -1;
	for (size_t i = 0; i < MAX; i++)
		fake.peers[i].descriptor = fake.doors[i].descriptor = -1;
	/* What is promised to a child: these four descriptors and no more. */
	if (fcntl(3, F_GETFD) < 0 || fcntl(4, F_GETFD) >= 0)
		return 6;
	channel_open(&fake.control, 3, fake.role, IPC_PARENT);
	for (;;)
		turn();
}
