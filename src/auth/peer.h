/* A channel that the loop looks after: messages come in by a call, go out when they can. */
#pragma once

#include "auth/loop.h"
#include "ipc/channel.h"

struct peer {
	struct watch watch;
	struct ipc_channel channel;
	struct loop *loop;
	void *owner;
	/* May take message->descriptor by setting it to -1. May close this peer, not free it. */
	void (*received)(struct peer *, struct ipc_message *);
	/* The other end has gone, or spoke nonsense; the channel is closed. May free the peer. */
	void (*gone)(struct peer *, const struct error *);
	bool writing; /* epoll was asked for room to write */
};

/* Fill owner, received and gone first. Takes ownership of the descriptor, in failure too. */
int peer_open(struct peer *, struct loop *, int descriptor, enum ipc_role other, struct error *);
bool peer_is_open(const struct peer *);
/* Harmless on a closed one. gone() is not called. */
void peer_close(struct peer *);
/* As channel_send(). ERROR_GONE: gone() is still to come, unless the caller closes the peer. */
int peer_send(struct peer *, enum ipc_type, const void *body, int descriptor, struct error *);
