/*
 * The maildrop's ends of the pairs through which login pumps the octets of TLS clients: see ipc/pair.h. A
 * pair serves one session after another; between two of them it is parked here.
 */
#pragma once

#include <stdint.h>

#include "maildrop/pool.h"

struct doors;

struct pair {
	struct source source;	/* first: the two share their address; in use only while it is parked */
	const struct doors *doors;
	uint32_t slot;		/* of the login process: the door that it came through */
};

/* NULL: no memory. The descriptor is only the pair's when it is parked. */
struct pair *pair_new(const struct doors *, int descriptor, uint32_t slot);
/* The session has ended with PAIR_LAST. added: does the pool know the descriptor? */
void pair_park(struct pair *, bool added);
