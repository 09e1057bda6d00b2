/* See pop_compare.h. */

#include "ctl/pop_compare.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/migration.h"

#define SHOWN_MAX 10	/* messages of each kind that are named */

/* A listing's indices in the order of the UIDLs. */
struct order {
	const struct pop_listing *listing;
	uint32_t *indices;
};

struct comparison {
	struct order there, here;
	uint32_t *matches;	/* by index there: one more than the index here; 0: none */
	bool *matched;		/* by index here */
	size_t same, sizes_differ, only_there, only_here, doubled;
};

static int
compare_uidls(const void *x, const void *y, void *context)
{
	const struct pop_listing *listing = context;
	const uint32_t *a = x, *b = y;
	int order = strcmp(pop_uidl(listing, *a), pop_uidl(listing, *b));

	return order != 0 ? order : *a < *b ? -1 : *a > *b;
}

static int
order_make(struct order *order, const struct pop_listing *listing)
{
	order->listing = listing;
	order->indices = reallocarray(NULL, listing->count + 1, sizeof(*order->indices));
	if (order->indices == NULL)
		return -1;
	for (size_t i = 0; i < listing->count; i++)
		order->indices[i] = (uint32_t)i;
	qsort_r(order->indices, listing->count, sizeof(*order->indices), compare_uidls, (void *)listing);
	return 0;
}

static const char *
uidl_at(const struct order *order, size_t i)
{
	return pop_uidl(order->listing, order->indices[i]);
}

static void
count_doubled(struct comparison *c)
{
	for (size_t i = 1; i < c->there.listing->count; i++)
		c->doubled += strcmp(uidl_at(&c->there, i - 1), uidl_at(&c->there, i)) == 0;
}

/* Pairs what has the same UIDL. Ours are given once; of theirs the first counts. */
static void
match(struct comparison *c)
{
	size_t i = 0, j = 0;

	while (i < c->there.listing->count && j < c->here.listing->count) {
		uint32_t x = c->there.indices[i], y = c->here.indices[j];
		int order = strcmp(uidl_at(&c->there, i), uidl_at(&c->here, j));

		i += order <= 0;
		j += order >= 0;
		if (order != 0)
			continue;
		c->matches[x] = y + 1;
		c->matched[y] = true;
		c->same++;
		c->sizes_differ += c->there.listing->messages[x].size != c->here.listing->messages[y].size;
	}
	c->only_there = c->there.listing->count - c->same - c->doubled;
	c->only_here = c->here.listing->count - c->same;
}

static void
message_print(const struct pop_listing *listing, size_t index)
{
	printf("\t%" PRIu32 " ", listing->messages[index].number);
	target_print(pop_uidl(listing, index));
	printf(" (%" PRIu64 " octets)", listing->messages[index].size);
}

static void
rest_print(size_t count)
{
	if (count > SHOWN_MAX)
		printf("\tand %zu more\n", count - SHOWN_MAX);
}

static void
only_there_print(const struct comparison *c)
{
	size_t shown = 0;

	if (c->only_there == 0)
		return;
	printf("%zu messages are only there:\n", c->only_there);
	for (size_t i = 0; i < c->there.listing->count && shown < SHOWN_MAX; i++)
		if (c->matches[i] == 0) {
			message_print(c->there.listing, i);
			puts("");
			shown++;
		}
	rest_print(c->only_there);
}

static void
only_here_print(const struct comparison *c)
{
	size_t shown = 0;

	if (c->only_here == 0)
		return;
	printf("%zu messages are only here; a client would fetch them, again if it has them:\n", c->only_here);
	for (size_t i = 0; i < c->here.listing->count && shown < SHOWN_MAX; i++)
		if (!c->matched[i]) {
			message_print(c->here.listing, i);
			puts("");
			shown++;
		}
	rest_print(c->only_here);
}

static void
sizes_print(const struct comparison *c)
{
	size_t shown = 0;

	if (c->sizes_differ == 0)
		return;
	printf("%zu sizes differ (clients do not fetch again for that):\n", c->sizes_differ);
	for (size_t i = 0; i < c->there.listing->count && shown < SHOWN_MAX; i++) {
		const struct pop_message *there = &c->there.listing->messages[i];
		const struct pop_message *here;

		if (c->matches[i] == 0)
			continue;
		here = &c->here.listing->messages[c->matches[i] - 1];
		if (here->size == there->size)
			continue;
		message_print(c->there.listing, i);
		printf(", here %" PRIu64 "\n", here->size);
		shown++;
	}
	rest_print(c->sizes_differ);
}

/* The first that comes in another order; messages of one side alone do not count. */
static void
order_print(const struct comparison *c)
{
	uint32_t last = 0;

	for (size_t i = 0; i < c->there.listing->count; i++) {
		if (c->matches[i] == 0)
			continue;
		if (c->matches[i] < last) {
			printf("The order differs from message %" PRIu32 " on (clients do not care).\n",
			    c->there.listing->messages[i].number);
			return;
		}
		last = c->matches[i];
	}
}

static bool
print(const struct comparison *c)
{
	bool well = c->only_there == 0 && c->only_here == 0 && c->doubled == 0;

	printf("%zu messages there, %zu here; %zu keep their UIDL\n", c->there.listing->count,
	    c->here.listing->count, c->same);
	if (c->doubled > 0)
		printf("%zu messages there have the UIDL of another\n", c->doubled);
	only_there_print(c);
	only_here_print(c);
	sizes_print(c);
	order_print(c);
	if (well)
		puts("No client would fetch anything again.");
	return well;
}

int
pop_compare(const struct pop_listing *there, const struct pop_listing *here, struct error *error)
{
	struct comparison c = { 0 };
	int result = -1;

	c.matches = calloc(there->count + 1, sizeof(*c.matches));
	c.matched = calloc(here->count + 1, sizeof(*c.matched));
	if (c.matches != NULL && c.matched != NULL && order_make(&c.there, there) == 0 &&
	    order_make(&c.here, here) == 0) {
		count_doubled(&c);
		match(&c);
		result = print(&c);
	} else {
		error_set(error, ERROR_TEMPORARY, "no memory for a comparison");
	}
	free(c.matches);
	free(c.matched);
	free(c.there.indices);
	free(c.here.indices);
	return result;
}
