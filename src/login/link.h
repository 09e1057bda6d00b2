/* A channel of ipc/channel.h in the event loop. */
#pragma once

#include <uv.h>

#include "ipc/channel.h"

struct login;

struct link {
	struct ipc_channel channel;
	uv_poll_t poll;
	int events;
	/* Owns the descriptor of the message. */
	void (*message)(struct login *, struct ipc_message *);
	/* The other end has gone, or broke the rules. The link closes itself afterwards. */
	void (*end)(struct login *, struct link *, const struct error *);
};

/* Takes the descriptor, also when it fails (NULL). */
struct link *link_open(struct login *, int descriptor, enum ipc_role peer,
    void (*message)(struct login *, struct ipc_message *),
    void (*end)(struct login *, struct link *, const struct error *));
/* Frees it, a little later. NULL is fine. */
void link_close(struct link *);
/* link NULL: ERROR_TEMPORARY. descriptor: as in channel_send(). */
int link_send(struct link *, enum ipc_type, const void *body, int descriptor, struct error *);
/* What has come is heard now, not at its turn. NULL is fine. */
void link_hear(struct link *);
