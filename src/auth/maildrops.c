/* See maildrops.h. */

#include "auth/maildrops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "users/place.h"

/* A process that ends as idle while it is asked is started again, but not for ever. */
#define TRIES_MAX 3

struct maildrop {
	struct maildrop *next;
	struct auth *auth;
	struct link link;           /* closed: parent was asked to start it */
	struct maildrop_wait *first, *last; /* wait for it */
	uint32_t number;	    /* login knows it by it */
	struct ipc_start key;
};

static void
maildrop_free(struct maildrop *maildrop)
{
	struct maildrop **link = &maildrop->auth->maildrops;

	while (*link != maildrop)
		link = &(*link)->next;
	*link = maildrop->next;
	link_close(&maildrop->link);
	free(maildrop);
}

static void
gone(struct link *link, const struct error *error)
{
	(void)error;
	maildrop_free(link->owner);
}

static void
received(struct link *link, struct ipc_message *message)
{
	/* ipc_rules[] lets a maildrop process say nothing to auth. */
	(void)link;
	(void)message;
}

static struct maildrop *
maildrop_new(struct auth *auth, uint32_t uid, uint32_t gid, const char *root)
{
	struct maildrop *maildrop = calloc(1, sizeof(*maildrop));

	if (maildrop == NULL)
		return NULL;
	maildrop->auth = auth;
	maildrop->link.owner = maildrop;
	maildrop->link.received = received;
	maildrop->link.gone = gone;
	maildrop->key.uid = uid;
	maildrop->key.gid = gid;
	snprintf(maildrop->key.root, sizeof(maildrop->key.root), "%s", root);
	maildrop->next = auth->maildrops;
	auth->maildrops = maildrop;
	return maildrop;
}

static struct maildrop *
find_exact(const struct auth *auth, uint32_t uid, uint32_t gid, const char *root)
{
	struct maildrop *maildrop = auth->maildrops;

	while (maildrop != NULL && (maildrop->key.uid != uid || maildrop->key.gid != gid ||
				       strcmp(maildrop->key.root, root) != 0))
		maildrop = maildrop->next;
	return maildrop;
}

/* A process of that user whose root holds the place: it may have been started for a wider one. */
static struct maildrop *
find_for(const struct auth *auth, uint32_t uid, uint32_t gid, const char *place)
{
	struct maildrop *maildrop = auth->maildrops;

	while (maildrop != NULL && (maildrop->key.uid != uid || maildrop->key.gid != gid ||
				       !place_is_below(place, maildrop->key.root)))
		maildrop = maildrop->next;
	return maildrop;
}

static void
wait_for(struct maildrop *maildrop, struct maildrop_wait *wait)
{
	wait->maildrop = maildrop;
	wait->next = NULL;
	if (maildrop->last != NULL)
		maildrop->last->next = wait;
	else
		maildrop->first = wait;
	maildrop->last = wait;
}

void
maildrops_forget(struct maildrop_wait *wait)
{
	struct maildrop *maildrop = wait->maildrop;
	struct maildrop_wait *before = NULL;

	if (maildrop == NULL)
		return;
	for (struct maildrop_wait *w = maildrop->first; w != wait; w = w->next)
		before = w;
	if (before == NULL)
		maildrop->first = wait->next;
	else
		before->next = wait->next;
	if (maildrop->last == wait)
		maildrop->last = before;
	wait->maildrop = NULL;
}

/* NULL: *error says why. */
static struct maildrop *
start(struct auth *auth, uint32_t uid, uint32_t gid, const char *root, struct error *error)
{
	struct maildrop *maildrop = maildrop_new(auth, uid, gid, root);

	if (maildrop == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for a maildrop process");
		return NULL;
	}
	if (link_send(&auth->parent, IPC_START, &maildrop->key, -1, error) < 0) {
		maildrop_free(maildrop);
		return NULL;
	}
	return maildrop;
}

void
maildrops_find(struct maildrop_wait *wait, uint32_t uid, uint32_t gid, const char *root)
{
	struct maildrop *maildrop = find_for(wait->auth, uid, gid, wait->place);
	struct error error;

	while (maildrop != NULL && link_is_open(&maildrop->link)) {
		if (wait->serve(wait, &maildrop->link, maildrop->number, &error) == 0)
			return;
		if (error.kind != ERROR_GONE) {
			wait->not_served(wait, &error);
			return;
		}
		maildrop_free(maildrop);
		maildrop = find_for(wait->auth, uid, gid, wait->place);
	}
	if (++wait->tries > TRIES_MAX) {
		error_set(&error, ERROR_TEMPORARY, "the maildrop process ends again and again");
		wait->not_served(wait, &error);
		return;
	}
	if (maildrop == NULL)
		maildrop = start(wait->auth, uid, gid, root, &error);
	if (maildrop == NULL)
		wait->not_served(wait, &error);
	else
		wait_for(maildrop, wait);
}

/* The waiting list, which is empty then. */
static struct maildrop_wait *
take_waiting(struct maildrop *maildrop)
{
	struct maildrop_wait *first = maildrop->first;

	for (struct maildrop_wait *w = first; w != NULL; w = w->next)
		w->maildrop = NULL;
	maildrop->first = maildrop->last = NULL;
	return first;
}

/* Before anybody hears of the process: a warrant must find the key there. */
static void
send_key(struct maildrop *maildrop)
{
	struct ipc_warrant_key key = maildrop->auth->warrant_key;
	struct error error;

	key.maildrop = maildrop->number;
	if (link_send(&maildrop->link, IPC_WARRANT_KEY, &key, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "key-not-sent", LOG_NUMBER("uid", maildrop->key.uid),
		    LOG_REASON(&error));
	secret_wipe(&key, sizeof(key));
}

void
maildrops_gone(struct auth *auth, uint32_t number)
{
	struct maildrop *maildrop = auth->maildrops;

	while (maildrop != NULL && (!link_is_open(&maildrop->link) || maildrop->number != number))
		maildrop = maildrop->next;
	if (maildrop != NULL)
		link_hear(&maildrop->link);
}

void
maildrops_started(struct auth *auth, struct ipc_message *message)
{
	const struct ipc_started *started = &message->body.started;
	struct maildrop *maildrop = find_exact(auth, started->uid, started->gid, started->root);
	struct maildrop_wait *waiting;
	struct error error;

	/* One that nobody asked for runs since before this auth process did. */
	if (maildrop == NULL)
		maildrop = maildrop_new(auth, started->uid, started->gid, started->root);
	if (maildrop == NULL)
		return;
	waiting = take_waiting(maildrop);
	maildrop->number = started->number;
	link_close(&maildrop->link);
	if (link_open(&maildrop->link, &auth->loop, message->descriptor, IPC_AUTH, IPC_MAILDROP,
		&error) < 0) {
		LOG(LOG_LEVEL_ERROR, "maildrop-channel-lost", LOG_NUMBER("uid", started->uid),
		    LOG_REASON(&error));
		maildrop_free(maildrop);
	} else {
		send_key(maildrop);
	}
	message->descriptor = -1;
	for (struct maildrop_wait *next; waiting != NULL; waiting = next) {
		next = waiting->next;
		/* By its key: the process may end while its list is worked through. */
		maildrops_find(waiting, started->uid, started->gid, started->root);
	}
}

void
maildrops_not_started(struct auth *auth, const struct ipc_not_started *answer)
{
	struct maildrop *maildrop = find_exact(auth, answer->uid, answer->gid, answer->root);
	struct maildrop_wait *waiting;
	struct error error;

	if (maildrop == NULL || link_is_open(&maildrop->link))
		return;
	error_set(&error, answer->kind, "the maildrop process of uid %u is not started: %s",
	    answer->uid, answer->text);
	waiting = take_waiting(maildrop);
	maildrop_free(maildrop);
	for (struct maildrop_wait *next; waiting != NULL; waiting = next) {
		next = waiting->next;
		waiting->not_served(waiting, &error);
	}
}

size_t
maildrops_count(const struct auth *auth)
{
	size_t count = 0;

	for (const struct maildrop *m = auth->maildrops; m != NULL; m = m->next)
		count += link_is_open(&m->link);
	return count;
}

void
maildrops_free_all(struct auth *auth)
{
	while (auth->maildrops != NULL)
		maildrop_free(auth->maildrops);
}
