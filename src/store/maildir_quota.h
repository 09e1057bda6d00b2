/*
 * How full a Maildir is. Where there is a file maildirsize, as Courier, Dovecot, Exim and maildrop
 * share it, it is believed and kept up to date:
 *
 *	10000000S,1000C		the quota: octets and messages; words of other letters are left out
 *	4542 1			changes, added up
 *	-4542 -1
 *
 * It is counted anew when it is larger than 5120 octets, cannot be understood, or says that the
 * Maildir is full and is older than 15 minutes. Without it the messages are counted from the names
 * in new/ and cur/, those of the Maildir++ folders beside them too. Who delivers at the same time is
 * not seen: all of them may exceed the quota by what is under way.
 */
#pragma once

#include "store/append.h"
#include "store/index.h"

#define MAILDIR_QUOTA_NAME     "maildirsize"
#define MAILDIR_QUOTA_SIZE_MAX 5120

struct maildir_usage {
	uint64_t octets, messages;
	struct quota quota;	/* of the file's first line; warning_percent is 0 */
};

/* Of a maildirsize. False: it cannot be understood. */
bool maildir_quota_parse(struct maildir_usage *, const char *text, size_t size);

/*
 * May a message of that size come? quota: of the caller, before which the file's stands back.
 * Enters in append how full it becomes. ERROR_FULL: it may not.
 */
int maildir_quota_check(int maildir, struct append *, const struct quota *, uint64_t size,
    struct error *);

/* Changes that are entered in the maildirsize, if there is one. Failures are logged. */
struct maildir_quota_change {
	int file;	/* -1: there is none */
	int64_t octets, messages;
};

void maildir_quota_change_begin(struct maildir_quota_change *, int maildir);
/* What a message takes that is about to be removed; 0 where nobody asks. */
uint64_t maildir_quota_size(const struct maildir_quota_change *, int maildir,
    const struct index_list *, const struct index_entry *);
void maildir_quota_change_end(struct maildir_quota_change *);
