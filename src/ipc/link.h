/* A channel that a loop looks after: messages come in by a call, go out when they can. */
#pragma once

#include <stdbool.h>

#include "base/loop.h"
#include "ipc/channel.h"

struct link {
	struct watch watch;
	struct ipc_channel channel;
	void *owner;
	/* May take message->descriptor by setting it to -1. May close this link, not free it. */
	void (*received)(struct link *, struct ipc_message *);
	/* The other end has gone, or spoke nonsense; the channel is closed. May free the link. */
	void (*gone)(struct link *, const struct error *);
};

/* Fill owner, received and gone first. Takes ownership of the descriptor, in failure too. */
int link_open(struct link *, struct loop *, int descriptor, enum ipc_role self, enum ipc_role other,
    struct error *);
/* False for one that was never opened, if it is all zeros. */
bool link_is_open(const struct link *);
/* Harmless on a closed one. gone() is not called. */
void link_close(struct link *);
/* What has come already is received now and not at its turn. Harmless on a closed one. */
void link_hear(struct link *);
/* As channel_send(). ERROR_GONE: gone() is still to come, unless the link was closed already. */
int link_send(struct link *, enum ipc_type, const void *body, int descriptor, struct error *);
