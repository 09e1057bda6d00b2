/* restante-auth's one context. */
#pragma once

#include "auth/cache.h"
#include "auth/pool.h"
#include "auth/throttle.h"
#include "base/loop.h"
#include "config/config.h"
#include "ipc/link.h"
#include "ipc/warrant.h"
#include "users/users.h"

#define LOGINS_MAX     256   /* login processes */
#define LMTPS_MAX      256   /* lmtp processes */
#define CHECKS_MAX     32768 /* attempts in hand, delayed refusals among them */
#define CHECK_BUCKETS  4096
#define RECIPIENTS_MAX 2048 /* that wait for a maildrop process: a channel keeps all their answers */
#define POOL_QUEUE     4096 /* passwords that wait for a thread */

struct check;
struct lmtp;
struct maildrop;

struct login { /* the channel to one login process */
	struct auth *auth;
	uint32_t slot;
	struct link link;
};

struct counts { /* for restantectl status */
	uint64_t checks, granted, refused, throttled, cache_hits, not_served;
	uint64_t recipients, recipients_refused;
};

struct auth {
	struct loop loop;
	struct link parent;
	struct login *logins[LOGINS_MAX]; /* by slot; NULL: never seen */
	struct lmtp *lmtps[LMTPS_MAX]; /* the same */
	size_t recipient_count;        /* that wait */
	struct maildrop *maildrops;
	struct config config;
	bool configured; /* config was received */
	struct users_file users;
	struct digest_key key;
	struct ipc_warrant_key warrant_key; /* of all maildrop processes; made at the start */
	struct cache cache;
	struct throttle throttle;
	struct pool pool;
	struct watch pool_watch;
	struct check *checks[CHECK_BUCKETS];
	size_t check_count;
	struct counts counts;
	bool stopping;
};
