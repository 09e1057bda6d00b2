/*
 * What is to become of each message on the server: no input, no output, only rules.
 *
 * A message is fetched once. What is stored may leave the server when the account's `keep` says so; what was
 * skipped stays there. Of two rules the one that removes less is taken where something is not known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/accounts.h"

struct policy {
	enum account_keep keep;
	uint64_t keep_number; /* of days or messages */
	uint64_t size_max;    /* octets; 0: no limit */
	bool has_filter;
	bool is_refetch; /* as if nothing had ever been stored */
	int64_t now;     /* seconds since 1970 */
};

struct policy_message {
	uint64_t octets;      /* as LIST says; 0: it does not */
	uint64_t newer_count; /* messages behind it in the server's list */
	bool is_stored;       /* in the target */
	bool is_skipped;      /* the filter has said so */
	int64_t stored_time;
};

enum policy_step {
	POLICY_LEAVE, /* nothing is done */
	POLICY_FETCH,
	POLICY_ASK, /* the filter is to see its header */
	POLICY_DELETE,
	POLICY_TOO_BIG, /* left where it is */
};

enum policy_step policy_step(const struct policy *, const struct policy_message *);
/* It is stored, now or before: may it leave the server? */
bool policy_lets_go(const struct policy *, const struct policy_message *);

/*
 * All UIDLs are new though messages were stored: a server that was moved, or another maildrop.
 * expected: stored messages that nobody has asked to delete; pending: those that should be gone, but no QUIT
 * has said that they are.
 */
bool policy_is_strange(const struct policy *, size_t listed_count, size_t known_count, size_t expected_count,
    size_t pending_count);
/* matched: so many of the messages were recognized. False: stop, and let somebody decide. */
bool policy_goes_on(size_t matched_count, size_t expected_count);

/* Seconds to wait before the next login; 0: none (RFC 2449, section 6.5). */
int64_t policy_login_wait(int64_t last_login, int64_t delay_seconds, int64_t now);
/* RFC 2449, section 6.7. NULL: what the server does with old mail needs no word; days < 0: not announced. */
const char *policy_expire_note(const struct policy *, long days, char *text, size_t size);
