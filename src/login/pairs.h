/* Pairs to maildrop processes that wait for the next session to be pumped. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

struct login;

#define PAIRS_IDLE_MAX 64	/* of one login process */

struct pair {
	struct grave grave;
	struct watch watch;	/* .owner and .ready are those of whoever has it */
	struct login *login;
	struct pair *next;	/* among the idle ones */
	uint32_t maildrop;	/* the number of the process at the other end */
};

/* Made for that process, and polled: *other is its end, and the caller's. */
struct pair *pair_new(struct login *, uint32_t maildrop, int *other, struct error *);
/* An idle one to that process, or NULL. It is polled as an idle one still. */
struct pair *pairs_take(struct login *, uint32_t maildrop);
/* The session on it has ended, and nothing more comes. */
void pair_park(struct pair *);
void pair_close(struct pair *);
void pairs_close(struct login *);
