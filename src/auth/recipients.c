/* See recipients.h. */

#include "auth/recipients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/lookup.h"
#include "auth/maildrops.h"
#include "base/clock.h"
#include "base/log.h"

struct lmtp { /* the channel to one lmtp process */
	struct auth *auth;
	uint32_t slot;
	struct link link;
	struct recipient *first; /* of those that wait for a maildrop process */
};

struct recipient {
	struct lmtp *lmtp;
	struct recipient *next, *previous;
	struct timer deadline;
	struct maildrop_wait wait;
	uint64_t session;
	struct ipc_recipient_found found; /* the answer, as far as it is known */
};

/* An answer that cannot be sent is one to a process that has gone, or does not read. */
static void
answer(struct lmtp *lmtp, uint64_t session, enum ipc_type type, const void *body)
{
	struct error error;

	if (link_send(&lmtp->link, type, body, -1, &error) < 0)
		LOG(LOG_LEVEL_WARNING, "answer-lost", LOG_SESSION(session), LOG_REASON(&error));
}

static void
refuse(struct lmtp *lmtp, const struct ipc_recipient *asked, const struct error *error)
{
	struct ipc_recipient_refused refused;

	memset(&refused, 0, sizeof(refused));
	refused.delivery = asked->delivery;
	refused.kind = error->kind;
	LOG(error->kind == ERROR_GONE ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "recipient-refused",
	    LOG_SESSION(asked->session), LOG_TEXT("user", asked->user),
	    LOG_TEXT("kind", error_kind_name(error->kind)), LOG_REASON(error));
	lmtp->auth->counts.recipients_refused++;
	answer(lmtp, asked->session, IPC_RECIPIENT_REFUSED, &refused);
}

static void
recipient_free(struct recipient *recipient)
{
	struct auth *auth = recipient->lmtp->auth;

	maildrops_forget(&recipient->wait);
	timer_clear(&auth->loop.timers, &recipient->deadline);
	if (recipient->next != NULL)
		recipient->next->previous = recipient->previous;
	if (recipient->previous != NULL)
		recipient->previous->next = recipient->next;
	else
		recipient->lmtp->first = recipient->next;
	auth->recipient_count--;
	free(recipient);
}

static int
serve(struct maildrop_wait *wait, struct link *maildrop, uint32_t number, struct error *error)
{
	struct recipient *recipient = wait->owner;

	(void)maildrop;
	(void)error;
	recipient->found.warrant.maildrop = number;
	warrant_seal(&recipient->found.warrant, &wait->auth->warrant_key);
	answer(recipient->lmtp, recipient->session, IPC_RECIPIENT_FOUND, &recipient->found);
	recipient_free(recipient);
	return 0;
}

static void
not_served(struct maildrop_wait *wait, const struct error *error)
{
	struct recipient *recipient = wait->owner;
	struct ipc_recipient asked = { .delivery = recipient->found.delivery,
		.session = recipient->session };
	struct error problem = *error;

	snprintf(asked.user, sizeof(asked.user), "%s", recipient->found.warrant.user);
	problem.kind = error->kind == ERROR_PERMANENT ? ERROR_PERMANENT : ERROR_TEMPORARY;
	refuse(recipient->lmtp, &asked, &problem);
	recipient_free(recipient);
}

static void
expired(struct timer *deadline)
{
	static const struct error late = { ERROR_TEMPORARY, "it took too long" };
	struct recipient *recipient = deadline->owner;

	not_served(&recipient->wait, &late);
}

/* All but the number of the maildrop process, and the seal. */
static int
warrant_fill(struct ipc_warrant *warrant, const struct auth *auth, const struct user *user,
    char root[PLACE_SIZE], struct error *error)
{
	char place[PLACE_SIZE];

	if (lookup_place(auth, user, place, root, error) < 0)
		return -1;
	snprintf(warrant->user, sizeof(warrant->user), "%s", user->name);
	snprintf(warrant->place, sizeof(warrant->place), "%s", place);
	warrant->octets_max = user->quota.given ? user->quota.octets : auth->config.quota_storage_max;
	warrant->messages_max =
	    user->quota.given ? user->quota.messages : auth->config.quota_messages_max;
	return 0;
}

/* NULL: too many wait, or there is no memory. */
static struct recipient *
recipient_new(struct lmtp *lmtp, const struct ipc_recipient *asked)
{
	struct auth *auth = lmtp->auth;
	struct recipient *recipient =
	    auth->recipient_count < RECIPIENTS_MAX ? calloc(1, sizeof(*recipient)) : NULL;

	if (recipient == NULL)
		return NULL;
	recipient->lmtp = lmtp;
	recipient->session = asked->session;
	recipient->found.delivery = asked->delivery;
	recipient->deadline = (struct timer){ .expired = expired, .owner = recipient };
	recipient->wait = (struct maildrop_wait){ .auth = auth, .owner = recipient,
		.place = recipient->found.warrant.place, .serve = serve, .not_served = not_served };
	recipient->next = lmtp->first;
	if (recipient->next != NULL)
		recipient->next->previous = recipient;
	lmtp->first = recipient;
	auth->recipient_count++;
	return recipient;
}

/*
 * Letters of the other case make no other domain (RFC 5321, section 2.4), and hardly ever another user: who is
 * nobody as he is written, may be somebody in lower case.
 */
static const struct user *
find_lower(const struct auth *auth, const char *name)
{
	char lower[USER_SIZE];
	size_t i = 0;

	for (; i < sizeof(lower) - 1 && name[i] != '\0'; i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	lower[i] = '\0';
	return *lower != '\0' ? users_find(auth->users.users, lower) : NULL;
}

static const struct user *
find_name(const struct auth *auth, const char *name, const char *otherwise)
{
	const struct user *user = users_find(auth->users.users, name);

	if (user == NULL && *otherwise != '\0')
		user = users_find(auth->users.users, otherwise);
	if (user == NULL)
		user = find_lower(auth, name);
	return user != NULL ? user : find_lower(auth, otherwise);
}

static const struct user *
find(struct auth *auth, const struct ipc_recipient *asked, struct error *error)
{
	const struct user *user;

	if (!auth->configured || !lookup_refresh(auth)) {
		error_set(error, ERROR_TEMPORARY, "the users file cannot be read");
		return NULL;
	}
	user = find_name(auth, asked->extended, asked->extended_otherwise);
	if (user == NULL)
		user = find_name(auth, asked->user, asked->otherwise);
	if (user == NULL)
		error_set(error, ERROR_GONE, "there is no such user");
	return user;
}

static void
lmtp_received(struct link *link, struct ipc_message *message)
{
	struct lmtp *lmtp = link->owner;
	const struct ipc_recipient *asked = &message->body.recipient;
	struct auth *auth = lmtp->auth;
	struct recipient *recipient;
	const struct user *user;
	char root[PLACE_SIZE];
	struct error error;

	auth->counts.recipients++;
	if (asked->gone != 0)
		maildrops_gone(auth, asked->gone);
	user = find(auth, asked, &error);
	if (user == NULL) {
		refuse(lmtp, asked, &error);
		return;
	}
	recipient = recipient_new(lmtp, asked);
	if (recipient == NULL) {
		error_set(&error, ERROR_TEMPORARY, "too many recipients at once");
		refuse(lmtp, asked, &error);
		return;
	}
	if (warrant_fill(&recipient->found.warrant, auth, user, root, &error) < 0) {
		refuse(lmtp, asked, &error);
		recipient_free(recipient);
		return;
	}
	timer_set(&auth->loop.timers, &recipient->deadline,
	    clock_milliseconds() + MAILDROP_START_MILLISECONDS);
	maildrops_find(&recipient->wait, user->uid, user->gid, root);
}

static void
forget_all(struct lmtp *lmtp)
{
	while (lmtp->first != NULL)
		recipient_free(lmtp->first);
}

static void
lmtp_gone(struct link *link, const struct error *error)
{
	struct lmtp *lmtp = link->owner;

	LOG(LOG_LEVEL_INFO, "lmtp-gone", LOG_NUMBER("slot", lmtp->slot), LOG_REASON(error));
	forget_all(lmtp);
}

void
recipients_channel(struct auth *auth, struct ipc_message *message)
{
	uint32_t slot = message->body.channel.slot;
	struct lmtp *lmtp = slot < LMTPS_MAX ? auth->lmtps[slot] : NULL;
	struct error error;

	if (slot >= LMTPS_MAX)
		return;
	if (lmtp == NULL)
		lmtp = auth->lmtps[slot] = calloc(1, sizeof(*lmtp));
	if (lmtp == NULL)
		return;
	link_close(&lmtp->link);
	forget_all(lmtp);
	lmtp->auth = auth;
	lmtp->slot = slot;
	lmtp->link = (struct link){ .owner = lmtp, .received = lmtp_received, .gone = lmtp_gone };
	if (link_open(&lmtp->link, &auth->loop, message->descriptor, IPC_AUTH, IPC_LMTP, &error) < 0)
		LOG(LOG_LEVEL_ERROR, "lmtp-channel-lost", LOG_NUMBER("slot", slot), LOG_REASON(&error));
	message->descriptor = -1;
}

void
recipients_free_all(struct auth *auth)
{
	for (size_t i = 0; i < LMTPS_MAX; i++) {
		if (auth->lmtps[i] == NULL)
			continue;
		forget_all(auth->lmtps[i]);
		link_close(&auth->lmtps[i]->link);
		free(auth->lmtps[i]);
	}
}
