/* The listening sockets, which come from the parent in generations, and what happens when somebody knocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "ipc/messages.h"

struct listeners;

struct listener {
	struct grave grave;
	struct watch watch;
	struct listener *next;
	struct listeners *among;
	uint32_t generation;
	uint32_t tls;		/* enum config_tls_mode */
	unsigned batch;		/* how many to accept at once */
	bool refusing;		/* the owner's: the last one was one too many, and that was logged */
	char address[sizeof(((struct ipc_listener *)NULL)->address)];
};

struct listeners {
	struct loop *loop;
	struct listener *first;
	struct timer pause;
	int sockets_max;	/* a client whose descriptor is not below it is one too many */
	void *owner;
	/* Somebody knocks: is he to be let in here? NULL: yes, always. */
	bool (*knocks)(struct listeners *);
	/* Somebody has connected. Takes the socket. */
	void (*accepted)(struct listener *, int socket, const struct sockaddr_storage *);
};

/* Fill owner, knocks and accepted first. */
void listeners_init(struct listeners *, struct loop *);
/* Takes the socket. It is not accepted on yet. */
void listener_add(struct listeners *, int socket, const struct ipc_listener *);
/* From now on accepts on the sockets of that generation; closes all others. */
void listeners_accept(struct listeners *, uint32_t generation);
/* Hears, or does not, when somebody knocks. */
void listeners_listen(struct listeners *, bool listen);
/* How many wait to be accepted. */
size_t listeners_waiting(const struct listeners *);
void listeners_close(struct listeners *);
