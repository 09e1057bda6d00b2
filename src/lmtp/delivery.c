/* See delivery.h: what one delivery goes through. Its lists are in deliveries.c. */

#include "lmtp/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/network.h"
#include "lmtp/connection.h"
#include "lmtp/deliveries.h"
#include "lmtp/intake.h"
#include "lmtp/known.h"

/* Is the domain one whose users are known by their local part alone? */
static bool
is_local_domain(const struct lmtp *lmtp, const char *domain)
{
	const char *words = lmtp->domains;
	char word[HOST_SIZE];

	while (word_next(&words, word, sizeof(word)))
		if (strcasecmp(word, domain) == 0)
			return true;
	return domain[0] == '\0';
}

static struct ipc_recipient
question_about(const struct delivery *d)
{
	const struct path *path = &d->recipient->path, *base = &d->recipient->base;
	bool is_local = is_local_domain(d->connection->lmtp, base->domain);
	struct ipc_recipient question;

	memset(&question, 0, sizeof(question));
	question.delivery = d->id;
	question.session = d->connection->session.id;
	question.gone = d->gone;
	path_text(base, question.user);
	if (is_local)
		snprintf(question.otherwise, sizeof(question.otherwise), "%s", base->local);
	if (strcmp(path->local, base->local) == 0)
		return question;
	path_text(path, question.extended);
	if (is_local)
		snprintf(question.extended_otherwise, sizeof(question.extended_otherwise), "%s", path->local);
	return question;
}

/* A user whose own name holds the delimiter: there is no extension. */
static bool
is_extended_name(const struct delivery *d)
{
	struct ipc_recipient question = question_about(d);

	return strcasecmp(d->warrant.user, question.extended) == 0 ||
	    strcasecmp(d->warrant.user, question.extended_otherwise) == 0;
}

/* -1: there is no auth to be asked. */
static int
ask(struct delivery *d, struct error *error)
{
	struct lmtp *lmtp = d->connection->lmtp;
	struct ipc_recipient question = question_about(d);

	if (link_send(&lmtp->auth, IPC_RECIPIENT, &question, -1, error) < 0)
		return -1;
	delivery_await_auth(d);
	return 0;
}

static void
log_outcome(const struct delivery *d, enum verdict verdict, const char *reason)
{
	const struct connection *c = d->connection;
	char address[ADDRESS_SIZE];

	path_text(&d->recipient->path, address);
	if (verdict == VERDICT_OK)
		LOG(LOG_LEVEL_INFO, "delivered", LOG_SESSION(c->session.id), LOG_TEXT("recipient", address),
		    LOG_TEXT("user", d->warrant.user), LOG_NUMBER("octets", c->session.octets));
	else
		LOG(LOG_LEVEL_WARNING, "not-delivered", LOG_SESSION(c->session.id),
		    LOG_TEXT("recipient", address), LOG_TEXT("user", d->warrant.user),
		    LOG_TEXT("reason", reason), LOG_TEXT("verdict", verdict_name(verdict)));
}

/* The last word on a recipient, inside a call of its session. */
static void
conclude(struct delivery *d, enum verdict verdict, const char *reason)
{
	struct connection *c = d->connection;
	unsigned number = d->recipient->number;

	log_outcome(d, verdict, reason);
	if (verdict == VERDICT_OK) {
		c->delivered_count++;
		c->lmtp->counts.delivered++;
	} else {
		c->failed_count++;
		c->lmtp->counts.refused++;
	}
	delivery_free(d);
	session_delivered(&c->session, number, verdict);
}

static void
conclude_later(struct delivery *d, enum verdict verdict, const char *reason)
{
	struct connection *c = d->connection;

	connection_begin(c);
	conclude(d, verdict, reason);
	connection_resume(c);
}

/* The answer to RCPT, inside a call of its session. The session forgets a recipient that it refuses. */
static void
answer(struct delivery *d, enum verdict verdict, const char *reason)
{
	struct connection *c = d->connection;
	unsigned number = d->recipient->number;
	char address[ADDRESS_SIZE];

	if (verdict != VERDICT_OK) {
		path_text(&d->recipient->path, address);
		LOG(LOG_LEVEL_INFO, "recipient-refused", LOG_SESSION(c->session.id),
		    LOG_TEXT("recipient", address), LOG_TEXT("reason", reason));
		c->lmtp->counts.refused++;
		delivery_free(d);
	}
	session_recipient(&c->session, number, verdict);
}

static void
answer_later(struct delivery *d, enum verdict verdict, const char *reason)
{
	struct connection *c = d->connection;

	connection_begin(c);
	answer(d, verdict, reason);
	connection_resume(c);
}

/* Answers without auth, if it said the same a moment ago. */
static bool
knows(struct delivery *d)
{
	struct ipc_recipient question = question_about(d);
	const struct ipc_warrant *warrant = known_find(d->connection->lmtp, &question);

	if (warrant == NULL)
		return false;
	d->warrant = *warrant;
	d->state = DELIVERY_HELD;
	answer(d, VERDICT_OK, "");
	return true;
}

void
delivery_ask(void *context, const struct recipient *recipient)
{
	struct connection *c = context;
	struct error error = { ERROR_TEMPORARY, "too many recipients are under way, or no memory" };
	struct delivery *d = delivery_new(c, recipient);

	if (d == NULL) {
		LOG(LOG_LEVEL_WARNING, "recipient-refused", LOG_SESSION(c->session.id), LOG_REASON(&error));
		session_recipient(&c->session, recipient->number, VERDICT_TEMPORARY);
	} else if (!knows(d) && ask(d, &error) < 0) {
		answer(d, VERDICT_TEMPORARY, error.text);
	}
}

/* Nothing is sent inside a call of a session: what is heard meanwhile is about others, too. */
void
delivery_begin(void *context, const struct recipient *recipient)
{
	struct connection *c = context;
	struct delivery *d = c->next != NULL ? c->next : c->first;
	enum verdict verdict = intake_seal(c);

	while (d->recipient != recipient)
		d = d->next;
	c->next = d->next;
	if (verdict != VERDICT_OK)
		conclude(d, verdict, "the message could not be kept");
	else
		delivery_make_ready(d);
}

/*
 * It is certain that nothing was delivered, and the process may just have ended (auth starts another), or auth is
 * a new one whose warrants are others: once, auth is asked again.
 */
static void
ask_again(struct delivery *d, const char *reason, bool process_gone)
{
	struct error error;

	if (d->retried) {
		conclude_later(d, VERDICT_TEMPORARY, reason);
		return;
	}
	delivery_rename(d);
	d->retried = true;
	d->gone = process_gone ? d->warrant.maildrop : 0;
	known_forget_all(d->connection->lmtp);
	d->state = DELIVERY_ASKED_AGAIN;
	if (ask(d, &error) < 0)
		conclude_later(d, VERDICT_TEMPORARY, error.text);
}

static int
order_fill(const struct delivery *d, struct ipc_deliver *order, struct error *error)
{
	const struct connection *c = d->connection;
	struct writer head;

	memset(order, 0, sizeof(*order));
	order->delivery = d->id;
	order->session = c->session.id;
	order->warrant = d->warrant;
	path_text(&c->session.envelope.sender, order->sender);
	if (c->lmtp->settings.lmtp_detail_folders && !is_extended_name(d))
		snprintf(order->folder, sizeof(order->folder), "%s", d->recipient->detail);
	writer_init(&head, (char *)order->head, sizeof(order->head), NULL, NULL);
	if (!session_trace(&c->session, d->recipient, time(NULL), &head))
		return error_set(error, ERROR_PERMANENT, "the trace lines are too long");
	order->head_size = (uint32_t)head.used;
	return 0;
}

/*
 * A short message that is for one alone goes in the order itself: to make a file, to pass it on and to close it
 * costs more than to copy it.
 */
static int
deliver(struct delivery *d, struct maildrop_door *door, struct error *error)
{
	const struct spool *spool = &d->connection->spool;
	const size_t filled = offsetof(struct ipc_deliver_text, text) + spool->used;
	struct ipc_deliver_text order;

	if (order_fill(d, &order.deliver, error) != 0)
		return -1;
	if (spool->sealed >= 0)
		return link_send(&door->door.link, IPC_DELIVER, &order.deliver, spool->sealed, error);
	order.size = (uint32_t)spool->used;
	if (spool->used > 0)
		memcpy(order.text, spool->memory, spool->used);
	/* Not what the stack held before. */
	memset((char *)&order + filled, 0, sizeof(order) - filled);
	return link_send(&door->door.link, IPC_DELIVER_TEXT, &order, -1, error);
}

static void
send_through(struct delivery *d, struct maildrop_door *door)
{
	struct error error;

	if (deliver(d, door, &error) == 0)
		delivery_sent(d, door);
	else if (error.kind == ERROR_GONE)
		ask_again(d, error.text, true);
	else
		conclude_later(d, VERDICT_TEMPORARY, error.text);
}

void
deliveries_send(struct lmtp *lmtp)
{
	struct delivery *d;

	if (lmtp->sending)
		return;
	lmtp->sending = true;
	while ((d = lmtp->ready_first) != NULL) {
		uint64_t id = d->id;
		/* The parent may be heard here, and the delivery gone behind it. */
		struct door *door = door_find(&lmtp->doors, d->warrant.maildrop);
		struct maildrop_door *maildrop = (struct maildrop_door *)door;

		d = delivery_find(lmtp, id);
		if (d == NULL)
			continue;
		delivery_unqueue(d);
		if (door == NULL)
			ask_again(d, "the maildrop process has gone", true);
		else if (maildrop->sent_count >= DOOR_DELIVERIES_MAX)
			delivery_wait(d, maildrop);
		else
			send_through(d, maildrop);
	}
	lmtp->sending = false;
}

void
delivery_found(struct lmtp *lmtp, const struct ipc_recipient_found *found)
{
	struct delivery *d = delivery_find(lmtp, found->delivery);
	struct ipc_recipient question;

	if (d == NULL || (d->state != DELIVERY_ASKED && d->state != DELIVERY_ASKED_AGAIN))
		return;
	delivery_unqueue(d);
	d->warrant = found->warrant;
	question = question_about(d);
	known_keep(lmtp, &question, &found->warrant);
	if (d->state == DELIVERY_ASKED_AGAIN) {
		delivery_make_ready(d);
		deliveries_send(lmtp);
		return;
	}
	d->state = DELIVERY_HELD;
	answer_later(d, VERDICT_OK, "");
}

/* kind: of IPC_RECIPIENT_REFUSED. What is wrong for now, or here, is no reason to send mail back. */
static enum verdict
refusal(enum error_kind kind)
{
	return kind == ERROR_GONE ? VERDICT_UNKNOWN : kind == ERROR_DENIED ? VERDICT_DISABLED : VERDICT_TEMPORARY;
}

static void
refuse(struct delivery *d, enum verdict verdict, const char *reason)
{
	if (d->state == DELIVERY_ASKED)
		answer_later(d, verdict, reason);
	else if (d->state == DELIVERY_ASKED_AGAIN)
		conclude_later(d, verdict, reason);
}

void
delivery_refused(struct lmtp *lmtp, const struct ipc_recipient_refused *refused)
{
	struct delivery *d = delivery_find(lmtp, refused->delivery);
	enum verdict verdict = refusal(refused->kind);

	if (d != NULL)
		refuse(d, verdict, verdict_name(verdict));
}

void
deliveries_auth_lost(struct lmtp *lmtp)
{
	struct deadline *first;

	while ((first = deadlines_first(&lmtp->asked)) != NULL)
		refuse(delivery_of(first), VERDICT_TEMPORARY, "auth has gone");
}

/*
 * What becomes of the client's recipient. A store that is broken for good is the operator's to repair, and mail
 * that came meanwhile is no worse for having waited: only "full" may be said for good, where that is configured.
 */
static enum verdict
delivered(const struct lmtp *lmtp, enum error_kind kind)
{
	if (kind == ERROR_NONE)
		return VERDICT_OK;
	if (kind != ERROR_FULL)
		return VERDICT_TEMPORARY;
	return lmtp->settings.over_quota == CONFIG_OVER_QUOTA_PERMANENT ? VERDICT_FULL : VERDICT_FULL_FOR_NOW;
}

/* There is room at the door: for those that wait, as far as it goes. */
static void
door_go_on(struct maildrop_door *door)
{
	while (door->waiting_first != NULL && door->sent_count < DOOR_DELIVERIES_MAX) {
		struct delivery *d = door->waiting_first;

		delivery_unqueue(d);
		send_through(d, door);
	}
}

void
delivery_answered(struct door *from, struct ipc_message *message)
{
	struct maildrop_door *door = (struct maildrop_door *)from;
	struct lmtp *lmtp = from->among->owner;
	const struct ipc_delivered *body = &message->body.delivered;
	struct delivery *d = delivery_find(lmtp, body->delivery);

	/* A process answers for what was sent to it, and for nothing else. */
	if (d == NULL || d->state != DELIVERY_SENT || d->door != door)
		return;
	delivery_unqueue(d);
	if (body->kind == ERROR_DENIED || body->kind == ERROR_GONE)
		ask_again(d, body->text, body->kind == ERROR_GONE);
	else
		conclude_later(d, delivered(lmtp, body->kind), body->text);
	door_go_on(door);
}

/* What was sent may have been delivered or not: the client has to come again, and one copy may be too many. */
void
deliveries_door_gone(struct door *gone)
{
	struct maildrop_door *door = (struct maildrop_door *)gone;
	struct delivery *d;

	while ((d = door->sent) != NULL) {
		delivery_unqueue(d);
		conclude_later(d, VERDICT_TEMPORARY, "the maildrop process ended before it answered");
	}
	while ((d = door->waiting_first) != NULL) {
		delivery_unqueue(d);
		ask_again(d, "the maildrop process has gone", true);
	}
}

void
delivery_expired(struct deadline *deadline)
{
	struct delivery *d = delivery_of(deadline);
	struct maildrop_door *door = d->door;
	bool asked = d->state == DELIVERY_ASKED || d->state == DELIVERY_ASKED_AGAIN;

	if (asked) {
		refuse(d, VERDICT_TEMPORARY, "auth does not answer");
		return;
	}
	delivery_unqueue(d);
	conclude_later(d, VERDICT_TEMPORARY, "the maildrop process does not answer");
	if (door != NULL)
		door_go_on(door);
}
