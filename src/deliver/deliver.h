/* The rooms of restante-deliver: what is to be delivered, and where. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/limits.h"
#include "smtp/path.h"
#include "store/append.h"

/* spool.c: the message, on its way from standard input to the store. */
struct spool {
	int file;			/* unlinked */
	char sender[ADDRESS_SIZE];	/* of a "From " line before the message; "" */
	bool looped;			/* it was delivered to the recipient before, or went round too long */
};

/*
 * Reads input to its end. A "From " line that an MTA puts before the message is taken off. recipient
 * may be NULL. Blocks.
 */
int spool_read(struct spool *, int input, const struct path *recipient, struct error *);

/* target.c: whose mail it is. */
struct target {
	char place[PLACE_SIZE];
	bool has_owner;			/* uid and gid are known */
	uid_t uid;
	gid_t gid;
	struct quota quota;
};

/*
 * The maildrop of a user of the users file; NULL: of whoever runs this, by mail_place alone. ERROR_GONE:
 * there is no such user.
 */
int target_find(struct target *, const char *config_path, const char *user, struct error *);
/* Root becomes the owner, for good; and then only the place can be reached. */
int target_enter(const struct target *, struct error *);
