/* What TLS is made of: certificates and keys from the parent, and the context that is in force. */
#pragma once

#include <stddef.h>

#include "ipc/messages.h"
#include "tls/tls.h"

/* The certificates and keys of IPC_KEYS, for the time of a call. */
struct keys {
	struct tls_pair pairs[TLS_PAIRS_MAX];	/* lent from memory */
	size_t count;
	char *memory;
	size_t size;
};

/* Does not close the memfd. */
int keys_read(struct keys *, int memfd, struct error *);
/* Wipes and frees. */
void keys_free(struct keys *);

/* What is in force. Connections keep the context that they began with. */
struct keyring {
	struct tls_context *tls;	/* NULL: no certificates */
	struct tls_ticket_key ticket_keys[TLS_TICKET_KEYS_MAX];
	size_t ticket_key_count;
};

/* Bad keys are logged and change nothing. Does not close the memfd. */
void keyring_take(struct keyring *, int memfd);
void keyring_take_tickets(struct keyring *, const struct ipc_ticket_keys *);
/* There are no certificates any more. */
void keyring_drop(struct keyring *);
/* Wipes, too. */
void keyring_free(struct keyring *);
