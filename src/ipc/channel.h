/*
 * Sending and receiving the messages of messages.h.
 *
 * A channel never blocks: what the kernel does not take at once waits in a bounded queue, in
 * order. Its owner polls the descriptor for writing while channel_wants_write() and then calls
 * channel_flush().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/messages.h"

struct ipc_queued;

struct ipc_channel {
	int descriptor;		/* -1: closed */
	enum ipc_role self, peer;
	struct ipc_queued *first, *last;
	size_t queued_count, queued_size;
};

struct ipc_message {
	enum ipc_type type;
	/*
	 * -1: none. The receiver owns it now. Also -1 if one came, but this process has too many
	 * open: no reason to give the channel up.
	 */
	int descriptor;
	union ipc_body body;
};

/* Both ends of a new SOCK_SEQPACKET pair: close-on-exec, non-blocking. */
int ipc_pair(int ends[2], struct error *);
/* Takes ownership of the descriptor. */
void channel_open(struct ipc_channel *, int descriptor, enum ipc_role self, enum ipc_role peer);
/* Closes the descriptor and drops what is queued. Harmless on a closed channel. */
void channel_close(struct ipc_channel *);
/*
 * body: the struct of that type (NULL for those without one); copied. descriptor: -1, or one that
 * is duplicated into the message and stays the caller's. -1 if the peer has gone or the queue is
 * full (ERROR_TEMPORARY), or the table forbids the message (ERROR_PROTOCOL: a bug).
 */
int channel_send(struct ipc_channel *, enum ipc_type, const void *body, int descriptor,
    struct error *);
/*
 * 1: *message is filled. 0: nothing more for now. -1: the peer has gone (ERROR_GONE) or broke the
 * rules (ERROR_PROTOCOL): close the channel.
 */
int channel_receive(struct ipc_channel *, struct ipc_message *, struct error *);
bool channel_wants_write(const struct ipc_channel *);
int channel_flush(struct ipc_channel *, struct error *);
/* Did a descriptor belong to it that found no room here? Then it is worth nothing. */
bool ipc_message_is_maimed(const struct ipc_message *);
/*
 * Is what is in a body of that type in its bounds? Looks at octets only: a bool that is neither 0 nor 1 must
 * not be read as a bool. For messages that come in another way than through a channel.
 */
bool ipc_body_is_sound(enum ipc_type, const void *body);
/* Wipes a message that may have carried a secret. */
void ipc_message_wipe(struct ipc_message *);
