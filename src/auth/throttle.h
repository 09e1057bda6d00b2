/*
 * Guessing is slowed: a refusal is delayed, longer with each failure; after failures_max failures
 * an address is refused unchecked, and a user after ten times as many, until refusal_seconds have
 * passed without another. (So it takes many addresses to shut a user out.)
 *
 * Attempts that are still being checked count as failures: who guesses on many connections at once
 * gets no more guesses than who guesses on one. Those beyond the limit are told to come LATER, when
 * the others are decided.
 *
 * An address that has logged in well during the last ten minutes is never refused for what other
 * names were guessed from it; nor is an address that has logged in well as a user during the last
 * thirty days for what others guessed about that user. (Not more: who has an account here cannot
 * use it to guess for ever about somebody else's.) Who has been right as a user at that address
 * may be wrong as that user five times, until he is right again, without waiting longer each time.
 *
 * An IPv6 address is its /64 network: a host can choose the rest. All tables are bounded.
 */
#pragma once

#include "auth/lru.h"

struct throttle {
	struct digest_key key;
	struct lru addresses, users, pairs;
	uint64_t failures_max; /* 0: nobody is refused, only delayed */
	uint64_t refusal_milliseconds;
	uint64_t delay_milliseconds; /* of the first refusal; doubles up to 15 s */
};

/* Whom an attempt is held against. */
struct throttle_ticket {
	struct digest address, user, pair;
};

enum throttle_answer {
	THROTTLE_GO,     /* check it, then call throttle_end() */
	THROTTLE_LATER,  /* others are being checked: ask again soon */
	THROTTLE_REFUSE, /* do not check it */
};

enum throttle_outcome {
	THROTTLE_RIGHT,
	THROTTLE_WRONG,
	THROTTLE_UNDECIDED, /* it could not be checked */
};

int throttle_open(struct throttle *, const struct digest_key *, struct error *);
void throttle_close(struct throttle *);
void throttle_configure(struct throttle *, uint64_t failures_max, uint64_t refusal_seconds,
    uint64_t delay_milliseconds);
/* peer: "192.0.2.1:1234", "[2001:db8::1]:1234"; anything else is taken as it is. */
void throttle_ticket(
    const struct throttle *, struct throttle_ticket *, const char *peer, const char *user);
enum throttle_answer throttle_begin(
    struct throttle *, const struct throttle_ticket *, uint64_t now);
void throttle_end(
    struct throttle *, const struct throttle_ticket *, enum throttle_outcome, uint64_t now);
/* How long after its arrival an attempt that was wrong, or not checked, is refused. */
uint64_t throttle_delay_milliseconds(
    struct throttle *, const struct throttle_ticket *, uint64_t now);
