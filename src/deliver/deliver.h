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
	uint64_t size;			/* octets, without the line that was taken off */
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
	bool over_quota_is_final;	/* what does not fit is refused for good */
	bool index_apart;		/* the indexes are not beside the mail */
	bool by_server;			/* the caller may not go there: over socket */
	char socket[PATH_SIZE];		/* the server's, for LMTP; "": it has none */
	char delimiter;			/* of address extensions; NUL: none */
};

/*
 * The maildrop of a user of the users file; NULL: of whoever runs this, by mail_place alone. ERROR_GONE:
 * there is no such user. A user whom the caller may not look up, or not deliver to, is left to the server
 * where the caller may use its socket.
 */
int target_find(struct target *, const char *config_path, const char *user, struct error *);
/* Root becomes the owner, for good; and then only the place can be reached. */
int target_enter(const struct target *, struct error *);
/* The same where the message goes to the server: root becomes nobody, and no file can be reached. */
int target_leave(struct error *);

/*
 * report.c: what became of the message, in the system's log. Connects to it, while that can be done; where there
 * is none nothing is said.
 */
void report_open(void);
/* user: NULL where none was named. size: in octets, with what was put before the message. */
void report_delivered(const char *user, const struct delivery *, const struct append *, uint64_t size);
void report_failed(const char *user, const char *place, const struct error *);

/*
 * recipient.c: whom the server is told. A user (of -d) is the one it is for, and of the address given only an
 * extension is taken; without a user it is that address, and without either the caller.
 */
int recipient_find(struct path *, const char *user, const struct path *given, char delimiter, struct error *);
