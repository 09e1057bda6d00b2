/*
 * Doors for mail: the channels through which lmtp processes hand messages over. A message is taken when
 * its warrant is good (ipc/warrant.h), by the thread that received it: the door is armed again first, so
 * that others take what comes meanwhile, and they share the syncs of what they write.
 *
 * Only a part of the threads that the process may have delivers at once, so that sessions always find
 * one; at that limit a door is not armed, and what comes waits in it.
 *
 * What was received is finished and answered, whatever becomes of the door: a delivery does not end half
 * done because lmtp has gone or the process is to stop.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ipc/messages.h"
#include "maildrop/pool.h"
#include "maildrop/rules.h"
#include "store/append.h"

struct clients;
struct learner;
struct mail_door;

/* The first six are the caller's to fill. */
struct deliveries {
	struct pool *pool;
	struct clients *clients;
	struct learner *learner;
	/* Hears what auth has said so far; see doors.h. */
	void (*hear_auth)(bool wait);
	/* With one reference. */
	struct rules *(*rules_now)(void);
	/* A delivery has failed: are this process's directories no longer those that are meant? */
	bool (*is_displaced)(void);
	pthread_mutex_t lock;		/* guards what follows, but the group */
	struct ipc_warrant_key key;
	bool has_key;
	size_t limit, under_way;
	uint64_t count, count_seen;	/* of messages that came; when somebody last asked */
	struct mail_door *doors;		/* all that are open */
	struct mail_door *waiting, *waiting_last;	/* for one that is under way to end; not armed */
	bool leaving;
	struct append_group group;
};

void deliveries_begin(struct deliveries *, size_t threads_max);
/* Takes the descriptor, also when it fails. */
int deliveries_door_open(struct deliveries *, int descriptor, uint32_t slot, struct error *);
/* auth's key. Only the newest counts. */
void deliveries_key_take(struct deliveries *, const struct ipc_warrant_key *);
/* There is a new auth process: what the old one has sealed is good no more. */
void deliveries_key_forget(struct deliveries *);
/* Is one under way, or has one come since this was asked last? */
bool deliveries_busy(struct deliveries *);
uint64_t deliveries_count(struct deliveries *);
/*
 * The process is about to end: what is under way is finished, what waits in the doors is answered with
 * ERROR_DENIED (auth will name another process), and the doors are closed. Until then they hold the
 * process: see clients_hold().
 */
void deliveries_leave(struct deliveries *);
