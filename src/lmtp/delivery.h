/*
 * Recipients, and what becomes of the message for each: auth is asked whether there is one and gives a warrant,
 * with which the message goes to the maildrop process that the warrant names.
 *
 *	ASKED -FOUND-> HELD -deliver-> READY -> WAITING -> SENT -> answered
 *	                                 ^  \                |
 *	                                 +- ASKED AGAIN <----+ (once, if certainly nothing was delivered)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "front/crowd.h"
#include "front/doors.h"
#include "lmtp/session.h"

struct connection;
struct lmtp;

/* How many messages a maildrop process has at the same time; the others wait here, where they cost less. */
#define DOOR_DELIVERIES_MAX 64
/* Of all sessions together: each keeps its warrant. */
#define DELIVERIES_MAX 50000

enum delivery_state {
	DELIVERY_ASKED,
	DELIVERY_HELD,		/* the message is not whole yet */
	DELIVERY_READY,		/* in lmtp->ready_first ... */
	DELIVERY_WAITING,	/* for its turn at the door */
	DELIVERY_SENT,
	DELIVERY_ASKED_AGAIN,
};

struct delivery {
	struct delivery *bucket_next;			/* in lmtp->deliveries */
	struct delivery *previous, *next;		/* of the same connection */
	struct delivery *queue_previous, *queue_next;	/* of the same door, WAITING or SENT; or READY */
	struct deadline deadline;
	bool queued;					/* it waits for somebody: it has a deadline */
	struct connection *connection;
	const struct recipient *recipient;		/* the session's */
	struct maildrop_door *door;			/* WAITING, SENT */
	uint64_t id;
	enum delivery_state state;
	bool retried;
	uint32_t gone;					/* the process that did not take it; 0: none */
	struct ipc_warrant warrant;
};

/* The door to a maildrop process, and what is on its way through it. */
struct maildrop_door {
	struct door door;
	struct delivery *sent, *waiting_first, *waiting_last;
	unsigned sent_count;
};

/* For struct session_calls; context is the connection. */
void delivery_ask(void *context, const struct recipient *);
void delivery_begin(void *context, const struct recipient *);
/* Forgets all of the connection. */
void deliveries_end(struct connection *);
/* Sends what is ready. Whatever connection is at work may have ended then. */
void deliveries_send(struct lmtp *);

/* What auth says, and that it has gone: everybody who was asked about is answered. */
void delivery_found(struct lmtp *, const struct ipc_recipient_found *);
void delivery_refused(struct lmtp *, const struct ipc_recipient_refused *);
void deliveries_auth_lost(struct lmtp *);
/* For struct doors. */
void delivery_answered(struct door *, struct ipc_message *);
void deliveries_door_gone(struct door *);
/* Of lmtp->asked and lmtp->under_way. */
void delivery_expired(struct deadline *);
