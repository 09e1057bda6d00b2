/*
 * Pairs: through them login pumps the octets of TLS clients, one session after another, since to make a
 * pair, to pass one end on and to close both costs more than all that a short session says. The maildrop's
 * end comes with the first HANDOVER, through a door; the others come through the pair itself.
 *
 * Each datagram names its session, and neither side takes a word that is not of the session it is at:
 * what one client said behind its end never reaches the next.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "ipc/messages.h"

enum pair_type {
	PAIR_OCTETS = 1,	/* either way */
	PAIR_LAST,		/* maildrop to login: the last octets, or none; the pair is free again */
	PAIR_HANDOVER,		/* login to maildrop: struct ipc_handover, then what EARLY carries */
	PAIR_TYPE_COUNT
};

struct pair_head {
	uint32_t type;		/* enum pair_type */
	uint32_t zero;
	uint64_t session;
};

#define PAIR_OCTETS_MAX   (32 * 1024)	/* in one datagram to login */
#define PAIR_COMMANDS_MAX 4096		/* in one to maildrop */

/* Both ends: close-on-exec, non-blocking. */
int pair_make(int ends[2], struct error *);
/* All of it or nothing; never waits. 0, or -1 and errno: EAGAIN, EPIPE. */
int pair_send(int pair, enum pair_type, uint64_t session, const void *data, size_t size);
/*
 * The size of one datagram's octets. -1 and errno: EAGAIN; EPIPE: the other side has closed; ECONNRESET: and
 * had not read everything, what it said before may follow; EBADMSG: that is no datagram of a pair.
 */
ssize_t pair_receive(int pair, struct pair_head *, void *buffer, size_t room);
