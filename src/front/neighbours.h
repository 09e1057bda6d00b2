/*
 * The parent and auth, as every process knows them that strangers reach: what the parent says in the same way to
 * each, and that auth is asked for again when its channel is lost.
 */
#pragma once

#include <stdbool.h>

#include "front/doors.h"
#include "front/keys.h"
#include "front/listener.h"

/* What else the parent says; may take message->descriptor by setting it to -1. */
struct said {
	enum ipc_type type;
	void (*run)(void *owner, struct ipc_message *);
};

/* All of it is lent. */
struct neighbours {
	enum ipc_role self;
	struct loop *loop;
	struct link *parent, *auth;	/* opened and closed here */
	struct listeners *listeners;
	struct keyring *keyring;
	struct doors *doors;
	const bool *stopping;		/* then nobody is missed */
	void *owner;
	const struct said *said;	/* ended by a row without run */
	void (*parent_gone)(void *owner);
	void (*answered)(void *owner, struct ipc_message *);	/* by auth */
	/* What auth knew is lost; there may be another channel already. */
	void (*auth_lost)(void *owner);
	struct timer timer;		/* ours */
};

/* Fill all but the timer first. Takes the descriptor of the channel to the parent. */
int neighbours_open(struct neighbours *, int descriptor, struct error *);
/* Tells the parent that all is there, and asks for auth's channel every second until that is there, too. */
void neighbours_ready(struct neighbours *);
/* Tells the parent; if it cannot be told, that is logged. */
void neighbours_tell(struct neighbours *, enum ipc_type, const void *body);
/* A row of a report. */
void neighbours_tell_count(struct neighbours *, uint32_t ticket, const char *name, uint64_t number);
