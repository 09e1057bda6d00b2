/* The certificates and keys of IPC_KEYS, for the time of a call. */
#pragma once

#include <stddef.h>

#include "ipc/messages.h"
#include "tls/tls.h"

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
