/* See pairs.h. */

#include "login/pairs.h"

#include <stdlib.h>
#include <unistd.h>

#include "ipc/pair.h"
#include "login/login.h"

/* The maildrop process has ended: nothing else is said on an idle pair. */
static void
idle_ready(struct watch *watch, uint32_t events)
{
	struct pair *pair = watch->owner;
	struct pair **place = &pair->login->idle_pairs;

	(void)events;
	while (*place != pair)
		place = &(*place)->next;
	*place = pair->next;
	pair->login->idle_pair_count--;
	pair_close(pair);
}

struct pair *
pair_new(struct login *login, uint32_t maildrop, int *other, struct error *error)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	int ends[2];

	if (pair == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for a pair");
		return NULL;
	}
	if (pair_make(ends, error) < 0) {
		free(pair);
		return NULL;
	}
	pair->login = login;
	pair->maildrop = maildrop;
	pair->watch = (struct watch){ .descriptor = ends[0], .ready = idle_ready, .owner = pair };
	if (loop_add(&login->loop, &pair->watch, EPOLLIN, error) < 0) {
		close(ends[0]);
		close(ends[1]);
		free(pair);
		return NULL;
	}
	*other = ends[1];
	return pair;
}

struct pair *
pairs_take(struct login *login, uint32_t maildrop)
{
	struct pair **place = &login->idle_pairs, *pair;

	while (*place != NULL && (*place)->maildrop != maildrop)
		place = &(*place)->next;
	pair = *place;
	if (pair == NULL)
		return NULL;
	*place = pair->next;
	login->idle_pair_count--;
	return pair;
}

void
pair_park(struct pair *pair)
{
	struct login *login = pair->login;

	if (login->idle_pair_count >= PAIRS_IDLE_MAX || login->stopping) {
		pair_close(pair);
		return;
	}
	pair->watch.owner = pair;
	pair->watch.ready = idle_ready;
	watch_for(&pair->watch, EPOLLIN);
	pair->next = login->idle_pairs;
	login->idle_pairs = pair;
	login->idle_pair_count++;
}

void
pair_close(struct pair *pair)
{
	watch_leave(&pair->watch);
	close(pair->watch.descriptor);
	loop_bury(&pair->login->loop, &pair->grave);
}

void
pairs_close(struct login *login)
{
	struct pair *pair;

	while ((pair = login->idle_pairs) != NULL) {
		login->idle_pairs = pair->next;
		pair_close(pair);
	}
	login->idle_pair_count = 0;
}
