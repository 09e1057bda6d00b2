/*
 * A maildrop in memory, for tests: it holds what the test gives it and can fail its n-th call, so
 * that every error path of its user can be seen. Not in the table of stores.
 */
#pragma once

#include "store/store.h"

#define MEMORY_MESSAGES_MAX 16

struct memory_store {
	struct store store;		/* first: the two share their address */
	const char *const *texts;	/* the test's, ended by NULL; index i is message i + 1 */
	struct message messages[MEMORY_MESSAGES_MAX];
	char uidls[MEMORY_MESSAGES_MAX][8];
	unsigned calls;			/* reads and removals so far */
	unsigned fail_at;		/* which of them fails; 0: none */
	enum error_kind fail_kind;
	size_t read_size;		/* at most so much per read; 0: no limit */
	bool removed[MEMORY_MESSAGES_MAX];		/* what remove() was told to remove, and did */
	unsigned remove_count;		/* how often it was called */
	uint64_t sent[MEMORY_MESSAGES_MAX];	/* what sent() was told */
	bool sent_in_wire_form[MEMORY_MESSAGES_MAX];
	bool has_files;			/* each message is in a file, whatever its form */
	unsigned file_count;		/* how often one was asked for */
	size_t ahead[32];		/* what ahead() was told, in order */
	size_t ahead_count;
	bool released, closed;
};

/* Never fails. The caller owns the memory; store_close() only sets closed. */
void memory_store_init(struct memory_store *, const char *const texts[]);
