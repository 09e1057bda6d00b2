/* See crowd.h. */

#include "front/crowd.h"

#include <stdlib.h>
#include <string.h>

struct address {
	struct address *next;
	uint64_t count;
	uint64_t halves[2];
};

static void
timer_expired(struct timer *timer)
{
	struct deadlines *deadlines = timer->owner;
	struct loop *loop = deadlines->loop;
	struct deadline *first;

	while ((first = deadlines_first(deadlines)) != NULL && first->at <= loop->now)
		deadlines->expired(first);
	if (first != NULL && first->at != DEADLINE_NEVER)
		timer_set(&loop->timers, timer, first->at);
}

void
deadlines_init(struct deadlines *deadlines, struct loop *loop, void (*expired)(struct deadline *))
{
	deadlines->head.next = deadlines->head.previous = &deadlines->head;
	deadlines->count = 0;
	deadlines->expired = expired;
	deadlines->loop = loop;
	deadlines->timer = (struct timer){ .expired = timer_expired, .owner = deadlines };
}

void
deadlines_add(struct deadlines *deadlines, struct deadline *deadline, uint64_t at)
{
	deadline->at = at;
	deadline->next = &deadlines->head;
	deadline->previous = deadlines->head.previous;
	deadline->previous->next = deadline;
	deadlines->head.previous = deadline;
	deadlines->count++;
	/* A timer that runs is for an earlier one; if that one has gone, it looks again. */
	if (at != DEADLINE_NEVER && !timer_is_set(&deadlines->timer))
		timer_set(&deadlines->loop->timers, &deadlines->timer, at);
}

void
deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
	deadline->previous->next = deadline->next;
	deadline->next->previous = deadline->previous;
	deadlines->count--;
}

struct deadline *
deadlines_first(struct deadlines *deadlines)
{
	return deadlines_next(deadlines, &deadlines->head);
}

struct deadline *
deadlines_next(struct deadlines *deadlines, struct deadline *deadline)
{
	return deadline->next != &deadlines->head ? deadline->next : NULL;
}

/* Of IPv6 only the network counts: a host may choose the rest. */
static void
halves_of(uint64_t halves[2], const struct peer *peer)
{
	memcpy(halves, peer->address, sizeof(peer->address));
	if (!peer_is_ipv4(peer))
		halves[1] = 0;
}

static struct address **
find(struct addresses *addresses, const uint64_t halves[2])
{
	struct address **place;
	uint64_t hash;

	hash = (halves[0] ^ addresses->seed) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ hash >> 32 ^ halves[1]) * 0xd6e8feb86659fd93ULL;
	place = &addresses->buckets[hash >> 32 & (ADDRESS_BUCKETS - 1)];
	while (*place != NULL && memcmp((*place)->halves, halves, sizeof((*place)->halves)) != 0)
		place = &(*place)->next;
	return place;
}

bool
addresses_enter(struct addresses *addresses, const struct peer *peer, uint64_t max)
{
	struct address **place;
	uint64_t halves[2];

	halves_of(halves, peer);
	place = find(addresses, halves);
	if (*place == NULL) {
		if (max == 0 || (*place = calloc(1, sizeof(**place))) == NULL)
			return false;
		memcpy((*place)->halves, halves, sizeof(halves));
	}
	if ((*place)->count >= max)
		return false;
	(*place)->count++;
	return true;
}

void
addresses_leave(struct addresses *addresses, const struct peer *peer)
{
	struct address **place, *address;
	uint64_t halves[2];

	halves_of(halves, peer);
	place = find(addresses, halves);
	address = *place;
	if (address == NULL || --address->count > 0)
		return;
	*place = address->next;
	free(address);
}
