/* A binary heap; each deadline knows its place in it. */

#include "auth/deadlines.h"

#include <limits.h>
#include <stdlib.h>

static void
put(struct deadlines *deadlines, size_t place, struct deadline *deadline)
{
	deadlines->heap[place - 1] = deadline;
	deadline->place = place;
}

static void
sift_up(struct deadlines *deadlines, struct deadline *deadline)
{
	size_t place = deadline->place;

	while (place > 1 && deadlines->heap[place / 2 - 1]->at > deadline->at) {
		put(deadlines, place, deadlines->heap[place / 2 - 1]);
		place /= 2;
	}
	put(deadlines, place, deadline);
}

static void
sift_down(struct deadlines *deadlines, struct deadline *deadline)
{
	size_t place = deadline->place;

	for (;;) {
		size_t child = place * 2;

		if (child < deadlines->count &&
		    deadlines->heap[child]->at < deadlines->heap[child - 1]->at)
			child++;
		if (child > deadlines->count || deadlines->heap[child - 1]->at >= deadline->at)
			break;
		put(deadlines, place, deadlines->heap[child - 1]);
		place = child;
	}
	put(deadlines, place, deadline);
}

bool
deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t at)
{
	if (deadline->place == 0 && deadlines->count == deadlines->room) {
		size_t room = deadlines->room == 0 ? 64 : deadlines->room * 2;
		struct deadline **heap = reallocarray(deadlines->heap, room, sizeof(*heap));

		if (heap == NULL)
			return false;
		deadlines->heap = heap;
		deadlines->room = room;
	}
	deadline->at = at;
	if (deadline->place == 0)
		put(deadlines, ++deadlines->count, deadline);
	sift_up(deadlines, deadline);
	sift_down(deadlines, deadline);
	return true;
}

void
deadline_clear(struct deadlines *deadlines, struct deadline *deadline)
{
	struct deadline *last;

	if (deadline->place == 0)
		return;
	last = deadlines->heap[--deadlines->count];
	if (last != deadline) {
		put(deadlines, deadline->place, last);
		sift_up(deadlines, last);
		sift_down(deadlines, last);
	}
	deadline->place = 0;
}

struct deadline *
deadline_first(const struct deadlines *deadlines)
{
	return deadlines->count == 0 ? NULL : deadlines->heap[0];
}

int
deadline_timeout(const struct deadlines *deadlines, uint64_t now)
{
	const struct deadline *first = deadline_first(deadlines);

	if (first == NULL)
		return -1;
	if (first->at <= now)
		return 0;
	return first->at - now > INT_MAX ? INT_MAX : (int)(first->at - now);
}

void
deadlines_free(struct deadlines *deadlines)
{
	free(deadlines->heap);
	*deadlines = (struct deadlines){ 0 };
}
