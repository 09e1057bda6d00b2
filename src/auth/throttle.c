/* See throttle.h. */

#include "auth/throttle.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#define ROWS      32768
#define DELAY_MAX 15000
/* How long an address counts as good, and the pair of an address and a user. */
#define ADDRESS_MILLISECONDS (10 * 60 * 1000ull)
#define PAIR_MILLISECONDS    (30 * 24 * 60 * 60 * 1000ull)
/* A user's limit in limits of an address: one stranger alone must not shut a user out. */
#define USER_FACTOR 10

/* So often may who has been right as a user be wrong before it looks like guessing. */
#define MISTAKES_MAX 5

struct pair {               /* an address that has logged in well as a user */
	uint64_t good_at;
	uint32_t mistakes;  /* since then */
};

struct record {             /* of an address or a user */
	uint64_t failed_at; /* the last time */
	uint64_t good_at;   /* 0: never; of addresses only */
	uint32_t failures, pending;
};

int
throttle_open(struct throttle *throttle, const struct digest_key *key, struct error *error)
{
	*throttle = (struct throttle){ .key = *key };
	if (lru_open(&throttle->addresses, ROWS, sizeof(struct record), error) < 0 ||
	    lru_open(&throttle->users, ROWS, sizeof(struct record), error) < 0 ||
	    lru_open(&throttle->pairs, ROWS, sizeof(struct pair), error) < 0) {
		throttle_close(throttle);
		return -1;
	}
	return 0;
}

void
throttle_close(struct throttle *throttle)
{
	lru_close(&throttle->addresses);
	lru_close(&throttle->users);
	lru_close(&throttle->pairs);
}

void
throttle_configure(struct throttle *throttle, uint64_t failures_max, uint64_t refusal_seconds,
    uint64_t delay_milliseconds)
{
	throttle->failures_max = failures_max;
	throttle->refusal_milliseconds = refusal_seconds * 1000;
	throttle->delay_milliseconds = delay_milliseconds;
}

/* The address without its port; of IPv6 the network, of IPv4 in IPv6 the IPv4 address. */
static void
address_of(const char *peer, char *text, size_t size)
{
	struct in6_addr address;
	const char *colon = strrchr(peer, ':');

	snprintf(text, size, "%s", peer);
	if (colon == NULL || (size_t)(colon - peer) >= size)
		return;
	text[colon - peer] = '\0';
	if (text[0] != '[' || colon[-1] != ']')
		return;
	text[colon - peer - 1] = '\0';
	memmove(text, text + 1, strlen(text));
	if (inet_pton(AF_INET6, text, &address) != 1)
		return;
	if (IN6_IS_ADDR_V4MAPPED(&address)) {
		inet_ntop(AF_INET, &address.s6_addr[12], text, (socklen_t)size);
		return;
	}
	memset(&address.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &address, text, (socklen_t)size);
}

void
throttle_ticket(const struct throttle *throttle, struct throttle_ticket *ticket, const char *peer,
    const char *user)
{
	char address[PEER_SIZE];

	address_of(peer, address, sizeof(address));
	digest_make(&ticket->address, &throttle->key, "address", address, NULL);
	digest_make(&ticket->user, &throttle->key, "user", user, NULL);
	digest_make(&ticket->pair, &throttle->key, "pair", address, user);
}

/* Failures are forgotten when none was added for as long as a refusal lasts. */
static struct record *
record_of(struct throttle *throttle, struct lru *table, const struct digest *key, uint64_t now)
{
	struct record *record = lru_add(table, key);

	if (now - record->failed_at >= throttle->refusal_milliseconds)
		record->failures = 0;
	return record;
}

static bool
is_recent(uint64_t good_at, uint64_t now, uint64_t period)
{
	return good_at != 0 && now - good_at < period;
}

struct trust {
	bool address, pair;
	bool may_mistype;   /* the pair, and it has not overdone it */
};

static struct trust
trust_of(struct throttle *throttle, const struct throttle_ticket *ticket, uint64_t now)
{
	const struct record *address = lru_find(&throttle->addresses, &ticket->address);
	const struct pair *pair = lru_find(&throttle->pairs, &ticket->pair);
	bool known = pair != NULL && is_recent(pair->good_at, now, PAIR_MILLISECONDS);

	return (struct trust){
		.address = address != NULL && is_recent(address->good_at, now, ADDRESS_MILLISECONDS),
		.pair = known,
		.may_mistype = known && pair->mistakes <= MISTAKES_MAX,
	};
}

static enum throttle_answer
judge(const struct record *record, uint64_t failures_max, bool trusted)
{
	if (trusted || failures_max == 0)
		return THROTTLE_GO;
	if (record->failures >= failures_max)
		return THROTTLE_REFUSE;
	if (record->failures + record->pending >= failures_max)
		return THROTTLE_LATER;
	return THROTTLE_GO;
}

enum throttle_answer
throttle_begin(struct throttle *throttle, const struct throttle_ticket *ticket, uint64_t now)
{
	struct record *address = record_of(throttle, &throttle->addresses, &ticket->address, now);
	struct record *user = record_of(throttle, &throttle->users, &ticket->user, now);
	struct trust trust = trust_of(throttle, ticket, now);
	uint64_t max = throttle->failures_max;
	enum throttle_answer by_address = judge(address, max, trust.address);
	enum throttle_answer by_user = judge(user, max * USER_FACTOR, trust.pair);
	enum throttle_answer answer = by_address > by_user ? by_address : by_user;

	if (answer == THROTTLE_GO) {
		address->pending++;
		user->pending++;
	}
	return answer;
}

/* The record may have made room for another meanwhile, and be a new one. */
static struct record *
settle(struct throttle *throttle, struct lru *table, const struct digest *key, bool wrong,
    uint64_t now)
{
	struct record *record = record_of(throttle, table, key, now);

	if (record->pending > 0)
		record->pending--;
	if (wrong) {
		record->failed_at = now;
		if (record->failures < UINT32_MAX / 2)
			record->failures++;
	}
	return record;
}

void
throttle_end(struct throttle *throttle, const struct throttle_ticket *ticket,
    enum throttle_outcome outcome, uint64_t now)
{
	bool wrong = outcome == THROTTLE_WRONG;
	struct record *address =
	    settle(throttle, &throttle->addresses, &ticket->address, wrong, now);

	struct pair *pair;

	settle(throttle, &throttle->users, &ticket->user, wrong, now);
	if (outcome == THROTTLE_RIGHT) {
		pair = lru_add(&throttle->pairs, &ticket->pair);
		*pair = (struct pair){ .good_at = now };
		address->good_at = now;
	} else if (wrong && (pair = lru_find(&throttle->pairs, &ticket->pair)) != NULL &&
	    pair->mistakes <= MISTAKES_MAX) {
		pair->mistakes++;
	}
}

static uint64_t
failures_of(struct lru *table, const struct digest *key)
{
	const struct record *record = lru_find(table, key);

	return record == NULL ? 0 : record->failures;
}

uint64_t
throttle_delay_milliseconds(struct throttle *throttle, const struct throttle_ticket *ticket,
    uint64_t now)
{
	uint64_t address = failures_of(&throttle->addresses, &ticket->address);
	uint64_t user = failures_of(&throttle->users, &ticket->user);
	uint64_t failures = address > user ? address : user;
	uint64_t delay = throttle->delay_milliseconds;

	if (trust_of(throttle, ticket, now).may_mistype)
		return delay < DELAY_MAX ? delay : DELAY_MAX;
	for (; failures > 1 && delay < DELAY_MAX && delay > 0; failures--)
		delay *= 2;
	return delay < DELAY_MAX ? delay : DELAY_MAX;
}
