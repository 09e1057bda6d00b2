/*
 * Doors: the channels through which login processes hand their clients over. A client is let in when
 * both have come, what auth said about its session (IPC_OPEN) and login's IPC_HANDOVER of it, through
 * the door that auth named. Nobody polls for the first: it was sent before the second, and is fetched
 * when that is there.
 */
#pragma once

#include "base/error.h"
#include "ipc/messages.h"
#include "maildrop/pool.h"

struct clients;
struct pair;

/* A client that login has handed over: one block of memory. */
struct arrival {
	struct arrival *next;
	uint32_t slot;			/* of the login process */
	struct ipc_handover handover;
	int socket;			/* -1: taken */
	struct pair *pair;		/* whose end the socket is; NULL: it is the client's own */
	uint64_t at_milliseconds;
	size_t early_size;
	char early[];			/* what the client said behind its password */
};

/* Takes the socket, and closes it where there is no memory: NULL then. */
struct arrival *arrival_new(uint32_t slot, const struct ipc_handover *, int socket, const char *early,
    size_t early_size);
/* Closes the socket if nobody has taken it. */
void arrival_free(struct arrival *);

struct doors {
	struct pool *pool;
	struct clients *clients;
	/* Hears what auth has said so far; wait: and from now on as soon as it says something. */
	void (*hear_auth)(bool wait);
};

/* Runs the client, or keeps it until it is known. */
void doors_let_in(const struct doors *, struct arrival *, struct scratch *);
/* Takes the descriptor, also when it fails. *doors is lent for ever; a door closes when login does. */
int door_open(const struct doors *, int descriptor, uint32_t slot, struct error *);
