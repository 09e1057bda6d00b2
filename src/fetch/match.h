/*
 * A server that was migrated lists the same messages by other UIDLs. They are matched by what does not
 * change with the server: size, Message-ID and the header as its author wrote it.
 *
 * A look at a message takes its header as it passes, from RETR or from TOP n 0. What servers and MUAs
 * put in on their own is left out of the header's digest: UIDLs, flags, and the trace lines of a delivery
 * (match.c has the list); so are the way header lines are folded and the spaces at their ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOK_DIGEST_SIZE 16

struct look;

/* NULL: no memory. */
struct look *look_new(void);
/* The next piece, line ends CRLF or LF. What stands behind the header is not looked at. */
void look_add(struct look *, const void *data, size_t size);
/* Of all that was added; all 0 where there is no Message-ID, or no header. */
void look_end(struct look *, uint8_t message_id_digest[LOOK_DIGEST_SIZE],
    uint8_t header_digest[LOOK_DIGEST_SIZE]);
void look_free(struct look *);

/* One message, of the state or of the server's list. */
struct match_message {
	const char *uidl;
	uint64_t octets;	/* 0: unknown */
	uint8_t message_id_digest[LOOK_DIGEST_SIZE], header_digest[LOOK_DIGEST_SIZE];
};

struct match_pair {
	const char *old_uidl, *new_uidl;	/* lent from the messages */
};

/*
 * Is it worth asking? True if none of the server's UIDLs (listed_count of them) is known though the
 * state knows messages (expected_count) that should still be there.
 */
bool match_is_due(size_t listed_count, size_t known_count, size_t expected_count);
/*
 * Pairs of old and new; pairs[] has room for the smaller of the two counts. Returns how many, or -1: no
 * memory. Each message is in one pair at most; what could be either of two different ones is left out.
 */
ptrdiff_t match_messages(const struct match_message known[], size_t known_count,
    const struct match_message listed[], size_t listed_count, struct match_pair pairs[]);
