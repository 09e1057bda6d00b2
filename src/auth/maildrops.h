/*
 * The maildrop processes that run, or that parent was asked to start: one for each uid, gid and
 * root (the directory below which its maildrops lie).
 */
#pragma once

#include "auth/auth.h"
#include "ipc/channel.h"

struct maildrop;

/*
 * Needs the process that serves a place: a part of a check or of a recipient, who fills all but the last
 * three.
 */
struct maildrop_wait {
	struct auth *auth;
	void *owner;
	const char *place;
	/* The process of that number runs. -1: it is not served by this one; ERROR_GONE: by another one. */
	int (*serve)(struct maildrop_wait *, struct link *, uint32_t number, struct error *);
	void (*not_served)(struct maildrop_wait *, const struct error *);
	struct maildrop *maildrop;	/* in whose list it waits; NULL: in none */
	struct maildrop_wait *next;	/* in that list */
	unsigned tries;
};

/*
 * Finds the process, or has it started. Ends with serve() or not_served(), of which each may free the
 * wait, perhaps before it returns.
 */
void maildrops_find(struct maildrop_wait *, uint32_t uid, uint32_t gid, const char *root);
/*
 * lmtp says that this process serves nobody any more. auth may hear of that later than others do, so it looks now;
 * lmtp talks to strangers, and is not believed.
 */
void maildrops_gone(struct auth *, uint32_t number);
/* It no longer waits. */
void maildrops_forget(struct maildrop_wait *);
/* Messages of parent's. */
void maildrops_started(struct auth *, struct ipc_message *);
void maildrops_not_started(struct auth *, const struct ipc_not_started *);
size_t maildrops_count(const struct auth *);
/* At the end of the program. */
void maildrops_free_all(struct auth *);
