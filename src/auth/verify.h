/*
 * The ways to check credentials: one row each in verify_ways[]. To add one: a function or two, and
 * a row.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/pool.h"
#include "base/limits.h"
#include "users/password.h"
#include "users/users.h"

enum verify_method { VERIFY_PASSWORD, VERIFY_APOP, VERIFY_METHOD_COUNT };

/* What is to be checked, and all that is needed for it: a thread must not look elsewhere. */
struct verify_job {
	struct pool_job job;
	enum verify_method method;
	char password[PASSWORD_SIZE];       /* or APOP's digest */
	char timestamp[TEXT_SIZE];          /* APOP: with its angle brackets */
	bool known;                         /* there is such a user */
	char stored[PASSWORD_STORED_SIZE];  /* the user's password, as it stands in the file */
	char dearest[PASSWORD_STORED_SIZE]; /* what an unknown user's password is compared with */
	uint64_t generation;                /* of the users file that this came from */
	const char *reason; /* the verdict: NULL if it is right, else a word for the log */
	void *owner;
};

/* Why an attempt was refused, as it stands in the log. */
#define REASON_UNKNOWN_USER "unknown-user"
#define REASON_PASSWORD     "password"
#define REASON_NO_PLAIN     "no-plain-password"

struct verify_way {
	const char *name;
	/* What can be decided at once. False: run slow() in a thread. */
	bool (*quick)(struct verify_job *);
	void (*slow)(struct verify_job *);
	bool cached; /* a right answer may be remembered */
};

extern const struct verify_way verify_ways[VERIFY_METHOD_COUNT];

/* method, password and timestamp are filled in; adds what the users file says. user may be NULL. */
void verify_prepare(struct verify_job *, const struct users_file *, const struct user *user);
/* True: the verdict is there. False: the job has to go through the pool. */
bool verify_quick(struct verify_job *);
/* Wipes and frees. NULL is fine. */
void verify_free(struct verify_job *);
