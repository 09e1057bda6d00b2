/*
 * A pairing heap: no timer is earlier than the one above it, and nobody keeps more order than that
 * before somebody asks for the earliest.
 */

#include "base/timers.h"

#include <limits.h>
#include <stddef.h>

/* Of two heaps, which may be empty, one. */
static struct timer *
meld(struct timer *one, struct timer *other)
{
	struct timer *first, *later;

	if (one == NULL || other == NULL)
		return one != NULL ? one : other;
	first = other->at < one->at ? other : one;
	later = first == one ? other : one;
	later->next = first->child;
	later->link = &first->child;
	if (later->next != NULL)
		later->next->link = &later->next;
	first->child = later;
	return first;
}

/* Of a list of heaps, one: in pairs there and one by one back, which is what keeps it cheap. */
static struct timer *
meld_all(struct timer *list)
{
	struct timer *pairs = NULL, *all = NULL;

	while (list != NULL) {
		struct timer *one = list, *other = one->next, *pair;

		list = other != NULL ? other->next : NULL;
		pair = meld(one, other);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs != NULL) {
		struct timer *pair = pairs;

		pairs = pair->next;
		all = meld(all, pair);
	}
	return all;
}

static void
put(struct timers *timers, struct timer *first)
{
	timers->first = first;
	if (first == NULL)
		return;
	first->next = NULL;
	first->link = &timers->first;
}

void
timer_set(struct timers *timers, struct timer *timer, uint64_t at)
{
	timer_clear(timers, timer);
	timer->at = at;
	put(timers, meld(timers->first, timer));
}

void
timer_clear(struct timers *timers, struct timer *timer)
{
	if (!timer_is_set(timer))
		return;
	*timer->link = timer->next;
	if (timer->next != NULL)
		timer->next->link = timer->link;
	put(timers, meld(timers->first, meld_all(timer->child)));
	timer->child = timer->next = NULL;
	timer->link = NULL;
}

bool
timer_is_set(const struct timer *timer)
{
	return timer->link != NULL;
}

void
timers_expire(struct timers *timers, uint64_t now)
{
	struct timer *first;

	while ((first = timers->first) != NULL && first->at <= now) {
		timer_clear(timers, first);
		first->expired(first);
	}
}

int
timers_timeout(const struct timers *timers, uint64_t now)
{
	const struct timer *first = timers->first;

	if (first == NULL)
		return -1;
	if (first->at <= now)
		return 0;
	return first->at - now > INT_MAX ? INT_MAX : (int)(first->at - now);
}
