/* The listening sockets, and what happens when somebody knocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "ipc/messages.h"

struct login;

struct listener {
	struct grave grave;
	struct watch watch;
	struct listener *next;
	struct login *login;
	uint32_t generation;
	uint32_t tls;		/* enum config_tls_mode */
	unsigned batch;		/* how many to accept at once */
	bool refusing;		/* the last one was one too many: that was logged */
	char address[PEER_SIZE];
};

/* Takes the socket. It is not accepted on yet. */
void listener_add(struct login *, int socket, const struct ipc_listener *);
/* From now on accepts on the sockets of that generation; closes all others. slot: see duty.h. */
void listeners_accept(struct login *, uint32_t generation, uint32_t slot);
/* Hears, or does not, when somebody knocks. */
void listeners_listen(struct login *, bool listen);
/* How many wait to be accepted. */
size_t listeners_waiting(const struct login *);
void listeners_close(struct login *);
/* login->accept_pause */
void listeners_pause_over(struct timer *);
