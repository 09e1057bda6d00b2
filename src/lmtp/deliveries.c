/* See deliveries.h. */

#include "lmtp/deliveries.h"

#include <stdlib.h>

#include "lmtp/connection.h"

static struct delivery **
bucket_of(struct lmtp *lmtp, uint64_t id)
{
	return &lmtp->deliveries[id & (DELIVERY_BUCKETS - 1)];
}

static void
table_add(struct lmtp *lmtp, struct delivery *d)
{
	struct delivery **bucket = bucket_of(lmtp, d->id = ++lmtp->last_delivery);

	d->bucket_next = *bucket;
	*bucket = d;
}

static void
table_remove(struct lmtp *lmtp, struct delivery *d)
{
	struct delivery **place = bucket_of(lmtp, d->id);

	while (*place != d)
		place = &(*place)->bucket_next;
	*place = d->bucket_next;
}

struct delivery *
delivery_new(struct connection *c, const struct recipient *recipient)
{
	struct lmtp *lmtp = c->lmtp;
	struct delivery *d = lmtp->delivery_count < DELIVERIES_MAX ? calloc(1, sizeof(*d)) : NULL;

	if (d == NULL)
		return NULL;
	lmtp->delivery_count++;
	d->connection = c;
	d->recipient = recipient;
	d->state = DELIVERY_ASKED;
	table_add(lmtp, d);
	d->previous = c->last;
	*(c->last != NULL ? &c->last->next : &c->first) = d;
	c->last = d;
	return d;
}

struct delivery *
delivery_find(struct lmtp *lmtp, uint64_t id)
{
	struct delivery *d = *bucket_of(lmtp, id);

	while (d != NULL && d->id != id)
		d = d->bucket_next;
	return d;
}

struct delivery *
delivery_of(struct deadline *deadline)
{
	return (struct delivery *)((char *)deadline - offsetof(struct delivery, deadline));
}

void
delivery_rename(struct delivery *d)
{
	table_remove(d->connection->lmtp, d);
	table_add(d->connection->lmtp, d);
}

void
delivery_free(struct delivery *d)
{
	struct connection *c = d->connection;

	delivery_unqueue(d);
	table_remove(c->lmtp, d);
	*(d->previous != NULL ? &d->previous->next : &c->first) = d->next;
	*(d->next != NULL ? &d->next->previous : &c->last) = d->previous;
	if (c->next == d)
		c->next = d->next;
	c->lmtp->delivery_count--;
	free(d);
}

void
deliveries_end(struct connection *c)
{
	while (c->first != NULL)
		delivery_free(c->first);
	c->next = NULL;
}

/* last: NULL, where new ones are put in front. */
static void
queue_remove(struct delivery *d, struct delivery **first, struct delivery **last)
{
	*(d->queue_previous != NULL ? &d->queue_previous->queue_next : first) = d->queue_next;
	if (d->queue_next != NULL)
		d->queue_next->queue_previous = d->queue_previous;
	else if (last != NULL)
		*last = d->queue_previous;
	d->queue_previous = d->queue_next = NULL;
}

static void
queue_append(struct delivery *d, struct delivery **first, struct delivery **last)
{
	d->queue_previous = *last;
	*(*last != NULL ? &(*last)->queue_next : first) = d;
	*last = d;
}

static void
out_of_ready(struct lmtp *lmtp, struct delivery *d)
{
	queue_remove(d, &lmtp->ready_first, &lmtp->ready_last);
	deadlines_remove(&lmtp->under_way, &d->deadline);
}

static void
out_of_waiting(struct lmtp *lmtp, struct delivery *d)
{
	queue_remove(d, &d->door->waiting_first, &d->door->waiting_last);
	deadlines_remove(&lmtp->under_way, &d->deadline);
}

static void
out_of_sent(struct lmtp *lmtp, struct delivery *d)
{
	queue_remove(d, &d->door->sent, NULL);
	d->door->sent_count--;
	deadlines_remove(&lmtp->under_way, &d->deadline);
}

static void
out_of_asked(struct lmtp *lmtp, struct delivery *d)
{
	deadlines_remove(&lmtp->asked, &d->deadline);
}

void
delivery_unqueue(struct delivery *d)
{
	static void (*const out_of[])(struct lmtp *, struct delivery *) = {
		[DELIVERY_ASKED] = out_of_asked,
		[DELIVERY_ASKED_AGAIN] = out_of_asked,
		[DELIVERY_READY] = out_of_ready,
		[DELIVERY_WAITING] = out_of_waiting,
		[DELIVERY_SENT] = out_of_sent,
	};

	if (!d->queued)
		return;
	out_of[d->state](d->connection->lmtp, d);
	d->queued = false;
	d->door = NULL;
}

void
delivery_await_auth(struct delivery *d)
{
	struct lmtp *lmtp = d->connection->lmtp;

	d->queued = true;
	deadlines_add(&lmtp->asked, &d->deadline, lmtp->loop.now + lmtp->auth_patience_milliseconds);
}

static void
under_way(struct delivery *d, enum delivery_state state, struct maildrop_door *door)
{
	struct lmtp *lmtp = d->connection->lmtp;

	d->state = state;
	d->door = door;
	d->queued = true;
	deadlines_add(&lmtp->under_way, &d->deadline, lmtp->loop.now + lmtp->maildrop_patience_milliseconds);
}

void
delivery_make_ready(struct delivery *d)
{
	struct lmtp *lmtp = d->connection->lmtp;

	queue_append(d, &lmtp->ready_first, &lmtp->ready_last);
	under_way(d, DELIVERY_READY, NULL);
}

void
delivery_wait(struct delivery *d, struct maildrop_door *door)
{
	queue_append(d, &door->waiting_first, &door->waiting_last);
	under_way(d, DELIVERY_WAITING, door);
}

void
delivery_sent(struct delivery *d, struct maildrop_door *door)
{
	d->queue_next = door->sent;
	if (door->sent != NULL)
		door->sent->queue_previous = d;
	door->sent = d;
	door->sent_count++;
	under_way(d, DELIVERY_SENT, door);
}
