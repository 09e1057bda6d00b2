/* What the lmtp process is made of. Everything runs in one thread, in the calls of one loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/writer.h"
#include "config/config.h"
#include "front/crowd.h"
#include "front/doors.h"
#include "front/keys.h"
#include "front/listener.h"
#include "front/neighbours.h"
#include "ipc/link.h"
#include "lmtp/session.h"

#define READ_SIZE        32768	/* one read */
#define OUTPUT_SIZE      16384
#define DELIVERY_BUCKETS 1024	/* a power of two */

struct delivery;
struct known;

/* Since the start. */
struct counts {
	uint64_t messages, delivered, refused;
};

struct lmtp {
	struct loop loop;
	struct config settings;
	struct session_settings session_settings;	/* what each session lives by; from the settings */
	char domains[2 * HOST_SIZE + LIST_SIZE];	/* whose users are known by their local part too */
	bool has_settings, ready, stopping, ended;
	const char *spool_directory;
	struct keyring keyring;
	uint64_t last_session;
	struct counts counts;
	uint64_t client_patience_milliseconds, auth_patience_milliseconds, maildrop_patience_milliseconds;

	struct link parent, auth;	/* closed: gone, or not yet there */
	struct neighbours neighbours;	/* these two */
	struct doors doors;		/* to maildrop processes: struct maildrop_door */
	struct listeners listeners;
	struct timer stop_timer;

	struct deadlines talking;	/* connections that have to say or take something, the oldest first */
	struct deadlines silent;	/* those that wait for us: no deadline */

	struct known *known;		/* NULL: none */
	struct deadlines asked;		/* deliveries that auth was asked about */
	struct deadlines under_way;	/* deliveries that a maildrop process has, or shall have */
	struct delivery *deliveries[DELIVERY_BUCKETS];	/* all of them, by id */
	struct delivery *ready_first, *ready_last;	/* that can be sent, when nobody is at work */
	uint64_t last_delivery;
	size_t delivery_count;
	bool sending;			/* the ready ones */

	/* Lent to whatever connection the loop is at; nothing in them outlives a call. */
	struct writer out;
	char output[OUTPUT_SIZE];
	char input[LINE_OCTETS_MAX + READ_SIZE + READ_SIZE];
};

/* How long to wait; tests, which cannot wait so long, set that variable to what they can (in builds for them). */
uint64_t lmtp_patience(const char *variable, uint64_t milliseconds);
/* Ends the sessions: those that hand in a message when that is done, or when the grace is over. */
void lmtp_stop(struct lmtp *, uint64_t grace_seconds);
/* Looks whether a process that is stopping has nothing left to do. */
void lmtp_stop_if_idle(struct lmtp *);
