/* See peer.h. */

#include "auth/peer.h"

#include <unistd.h>

/* So many messages, then it is somebody else's turn. */
#define BATCH 32

static void
lose(struct peer *peer, const struct error *error)
{
	peer_close(peer);
	peer->gone(peer, error);
}

static void
watch_writing(struct peer *peer)
{
	bool wants = channel_wants_write(&peer->channel);

	if (wants != peer->writing)
		loop_change(peer->loop, &peer->watch, EPOLLIN | (wants ? EPOLLOUT : 0));
	peer->writing = wants;
}

static void
peer_ready(struct watch *watch, uint32_t events)
{
	struct peer *peer = watch->owner;
	struct ipc_message message;
	struct error error;

	if ((events & EPOLLOUT) != 0) {
		if (channel_flush(&peer->channel, &error) < 0) {
			lose(peer, &error);
			return;
		}
		watch_writing(peer);
	}
	for (unsigned i = 0; i < BATCH && (events & ~(uint32_t)EPOLLOUT) != 0; i++) {
		int result = channel_receive(&peer->channel, &message, &error);

		if (result < 0)
			lose(peer, &error);
		if (result <= 0)
			return;
		peer->received(peer, &message);
		if (message.descriptor >= 0)
			close(message.descriptor);
		ipc_message_wipe(&message);
		if (!peer_is_open(peer))
			return;
	}
}

int
peer_open(
    struct peer *peer, struct loop *loop, int descriptor, enum ipc_role other, struct error *error)
{
	channel_open(&peer->channel, descriptor, IPC_AUTH, other);
	peer->watch = (struct watch){ descriptor, peer_ready, peer };
	peer->loop = loop;
	peer->writing = false;
	if (loop_add(loop, &peer->watch, EPOLLIN, error) < 0) {
		channel_close(&peer->channel);
		return -1;
	}
	return 0;
}

bool
peer_is_open(const struct peer *peer)
{
	return peer->loop != NULL && peer->channel.descriptor >= 0;
}

void
peer_close(struct peer *peer)
{
	if (!peer_is_open(peer))
		return;
	loop_remove(peer->loop, &peer->watch);
	channel_close(&peer->channel);
}

int
peer_send(
    struct peer *peer, enum ipc_type type, const void *body, int descriptor, struct error *error)
{
	if (!peer_is_open(peer))
		return error_set(error, ERROR_GONE, "the channel is closed");
	if (channel_send(&peer->channel, type, body, descriptor, error) < 0)
		return -1;
	watch_writing(peer);
	return 0;
}
