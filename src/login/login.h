/* What a login process is made of. Everything runs in one thread, in the calls of one loop. */
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
#include "login/duty.h"
#include "pop3/line.h"

/* One read; so that what lies behind a password line always fits into a handover. */
#define READ_SIZE   4096
#define INPUT_SIZE  (SASL_LINE_OCTETS_MAX + READ_SIZE)
#define OUTPUT_SIZE 16384
/* The longest reply: a challenge of IPC_SASL_SIZE octets in base64. */
#define REPLY_SIZE_MAX 6144

#define ASKING_BUCKETS 256	/* a power of two */

struct connection;
struct pair;

struct login {
	struct loop loop;
	struct config settings;
	bool has_settings, ready, stopping, ended;
	struct keyring keyring;
	const char *domain;		/* of APOP's timestamps */

	struct link parent, auth;	/* closed: gone, or not yet there */
	struct neighbours neighbours;	/* these two */
	struct doors doors;		/* to maildrop processes */
	struct pair *idle_pairs;	/* the last used first */
	unsigned idle_pair_count;
	struct listeners listeners;
	struct duty duty;
	struct timer stop_timer;

	struct addresses addresses;
	struct deadlines young;		/* connections before login, the oldest first */
	struct deadlines pumps;		/* TLS connections that have logged in */
	struct deadlines slow;		/* the same, whose client does not take what it is sent */
	struct connection *asking[ASKING_BUCKETS];	/* those auth has a question of, by session */

	/* Lent to whatever connection the loop is at; nothing in them outlives a call. */
	struct writer out;
	char output[OUTPUT_SIZE];
	char input[INPUT_SIZE];
	char relay[TLS_WRITE_MAX];
};

/* Ends every connection that is not logged in, and the loop when the last pump has ended. */
void login_stop(struct login *, uint64_t grace_seconds);
/* Looks whether a process that is stopping has nothing left to do. */
void login_stop_if_idle(struct login *);
