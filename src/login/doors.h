/* Clients go through a door: to the maildrop process that auth has named. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "ipc/messages.h"

struct login;

/*
 * Hands a client over, with what it said behind its password; the socket stays the caller's.
 * ERROR_GONE: there is no such process (any more).
 */
int door_send(struct login *, uint32_t number, const struct ipc_handover *, int socket,
    const char *early, size_t early_size, struct error *);
