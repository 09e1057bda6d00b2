/*
 * Sending and receiving the messages of messages.h, and handing a client over.
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
/* Wipes a message that may have carried a secret. */
void ipc_message_wipe(struct ipc_message *);

/*
 * The handover of a client on the stream socket that auth made (IPC_OPEN, IPC_GRANTED): first this
 * struct, with the client's own socket attached when the connection is in clear text. What the
 * client sent behind its password follows. With a socket attached login then closes its end, so
 * that the end of the stream ends the early octets; without one the stream is the client.
 */
struct ipc_handover {
	uint64_t session;
	bool tls;		/* protected: TLS, or STLS was used */
	bool stls, user;	/* what CAPA announced in AUTHORIZATION and goes on announcing */
	char sasl[TEXT_SIZE];
};

#define HANDOVER_EARLY_SIZE 4096	/* at most this much comes behind the struct before EOF */

/* client: the socket to attach (non-blocking), or -1. early may be NULL if early_size is 0. Does not block. */
int handover_send(int stream, const struct ipc_handover *, int client, const void *early,
    size_t early_size, struct error *);
/*
 * Reads from a non-blocking stream. 1: done; *client is the client's socket (the receiver's now)
 * or -1, *early_size octets were put in early[HANDOVER_EARLY_SIZE]. 0: not there yet. -1: the
 * other end has gone or sent nonsense.
 */
int handover_receive(int stream, struct ipc_handover *, int *client, char *early,
    size_t *early_size, struct error *);
