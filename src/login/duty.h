/*
 * Which of the login processes takes those who knock. All have the same listening sockets. Waking a
 * process costs as much as a good part of a login, so the first of them (slot 0) takes everybody as long as
 * it keeps up. The others look: while somebody knocks at all, they see now and then whether clients
 * wait, and one that has found some waiting many times in a row goes on duty as well, until it has little to do.
 * Nobody has to tell them: they also come when the first one has died or hangs.
 *
 * A process that has all the connections it may have goes off duty, so that others may have room. It
 * looks like them, and refuses clients only when nobody else has taken them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"

struct listeners;
struct login;

struct duty {
	struct timer timer;	/* off duty: the next look; on duty: whether to stay */
	uint32_t slot;
	bool on;
	bool refuses;		/* who cannot be served: nobody else has taken those who wait */
	unsigned looks;		/* in a row that found somebody waiting */
	uint64_t processor_milliseconds;	/* used when it was last asked whether to stay */
};

void duty_init(struct login *);
/* The listeners may be accepted on, with that slot. */
void duty_begin(struct login *, uint32_t slot);
/* Somebody knocks, as struct listeners wants it. False: leave him to the others. */
bool duty_calls(struct listeners *);
/* There was room for a client. */
void duty_has_room(struct login *);
/* Another one cannot be served: leave the next to the others. */
void duty_is_full(struct login *);
