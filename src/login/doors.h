/* The channels to maildrop processes, through which clients are handed over. The parent makes them. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "ipc/messages.h"

struct login;

#define DOOR_BUCKETS 64		/* a power of two */

/* Takes the descriptor. number: by which auth names the process. */
void door_add(struct login *, int descriptor, uint32_t number);
/*
 * Hands a client over, with what it said behind its password; the socket stays the caller's.
 * ERROR_GONE: there is no such process (any more).
 */
int door_send(struct login *, uint32_t number, const struct ipc_handover *, int socket,
    const char *early, size_t early_size, struct error *);
void doors_close(struct login *);
