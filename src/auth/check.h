/*
 * A check, from its start to its answer:
 *
 *	CHECK                     -> [later ->] verify ---------> refused, after a delay
 *	SASL_START, SASL_STEP ... -> [later ->] verify -> open -> granted
 *
 * Every check ends with one REFUSED or GRANTED, unless login said FORGET.
 */
#pragma once

#include "auth/maildrops.h"

enum check_state {
	CHECK_TALKING,   /* SASL: the client's next response is awaited */
	CHECK_LATER,     /* the throttle wants others to be decided first */
	CHECK_VERIFYING, /* a thread has its job */
	CHECK_OPENING,   /* right; its maildrop process is being started */
	CHECK_REFUSED,   /* wrong; the answer leaves at the deadline */
};

struct check {
	struct timer deadline;
	struct auth *auth;
	struct check *next;  /* in its bucket */
	struct login *login; /* NULL: forgotten, but a thread still has its job */
	uint64_t session;
	enum check_state state;
	const char *method; /* "PASS", "APOP", "PLAIN": for the log and for GRANTED */
	char peer[PEER_SIZE];
	char user[USER_SIZE];
	uint64_t arrived_at;  /* when what is being checked came in */
	unsigned later_count; /* how often the throttle said so */
	struct throttle_ticket ticket;
	struct sasl *sasl;          /* TALKING */
	struct verify_job *job;     /* LATER, VERIFYING */
	struct ipc_open *open;      /* OPENING */
	struct maildrop_wait wait;  /* OPENING */
};

/* A message of a login process: CHECK, SASL_START, SASL_STEP, FORGET. */
void check_message(struct login *, struct ipc_message *);
/* The login process has gone, and all its sessions with it. */
void check_forget_login(struct login *);
/* At the end of the program. */
void check_free_all(struct auth *);

/* NULL: it was refused on the spot. method: lent for ever. */
struct check *check_new(
    struct login *, uint64_t session, const char *method, const struct ipc_client *);
struct check *check_find(struct login *, uint64_t session);
/* Without an answer. */
void check_free(struct check *);

/* Each of these but the first two ends the check, or sees to it that it ends. */
/* When what it waits for, whatever that is, takes too long. */
void check_set_deadline(struct check *, uint64_t at);
/* Its client has to answer a challenge. */
void check_wait_for_client(struct check *);
/* It is right; waits for the maildrop process, and is granted when that awaits the client. */
void check_open(struct check *, uint32_t uid, uint32_t gid, const char *root);
/* Right or wrong, it cannot be served. */
void check_not_served(struct check *, const struct error *);
/* Wrong: the answer leaves after a delay. */
void check_refuse(struct check *, const char *reason);
/* Refused at once: the client broke the rules of the protocol. */
void check_break(struct check *, const char *reason);
