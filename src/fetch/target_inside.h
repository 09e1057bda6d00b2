/* What the files target*.c share. */
#pragma once

#include "fetch/match.h"
#include "fetch/state.h"
#include "fetch/target.h"
#include "smtp/path.h"
#include "smtp/relay.h"
#include "store/append.h"
#include "store/append_text.h"

#define BOOT_ID_SIZE 64

/* A kind of target. */
struct target_ops {
	const char *scheme;
	bool is_exact;
	/* rest: behind the scheme. What is opened is closed by close(). NULL: there is nothing to do. */
	int (*open)(struct target *, const char *rest, struct error *);
	void (*close)(struct target *);
	/* A parcel: all is zero but its target, uidl and look. end() also after a begin() that failed. */
	int (*begin)(struct parcel *, struct error *);
	int (*write)(struct parcel *, const char *data, size_t size, struct error *);
	int (*finish)(struct parcel *, struct error *);	/* sets mark */
	void (*end)(struct parcel *);
	/* Of those whose result is 0; sets result and error of each. NULL: there is nothing to prepare. */
	void (*prepare)(struct parcel *const parcels[], size_t count);
	void (*commit)(struct parcel *const parcels[], size_t count);
	int (*ask)(struct target *, const char *mark, enum target_answer *, struct error *);
	void (*clear)(struct target *, const char *mark);	/* NULL: nothing is ever left */
};

struct target {
	const struct target_ops *ops;
	char *place, *account, *server;
	const char *rest;	/* of place */
	struct path sender, recipient;
	bool has_recipient, trace;
	char sender_text[ADDRESS_SIZE], recipient_text[ADDRESS_SIZE];
	unsigned timeout_seconds;
	size_t batch_max;
	char boot_id[BOOT_ID_SIZE];
	unsigned parcel_count;	/* so far */
	const struct append *beside;	/* of a store: the newest parcel's, while it has not ended */
	/* of a relay */
	struct relay relay;
	bool is_connected;
	char *host, *port;	/* NULL: rest is a Unix socket's path */
};

struct parcel {
	struct target *target;
	char *uidl;
	struct look *look;
	uint64_t octets;
	uint8_t message_id_digest[LOOK_DIGEST_SIZE], header_digest[LOOK_DIGEST_SIZE];
	char mark[MARK_OCTETS_MAX + 1];
	bool is_finished, is_committed;
	bool is_put_off;	/* failed for now, by itself */
	int result;
	struct error error;
	/* into a store */
	struct append *append;
	struct delivery delivery;
	/* to a relay or a command: what has come so far */
	int spool;		/* -1: not open */
	struct append_lines lines;
};

extern const struct target_ops target_maildir_ops, target_mbox_ops, target_lmtp_ops, target_smtp_ops,
    target_command_ops;

/* Fails for good: it cannot go on. */
void parcel_fail(struct parcel *, const struct error *);
/* The line that says where a message was collected. Returns its size, CRLF line ends. */
size_t target_trace(const struct target *, unsigned number, char *text, size_t size);

/* For those that keep a message in a file until it is whole. */
int parcel_spool_begin(struct parcel *, struct error *);
void parcel_spool_end(struct parcel *);
/* The kinds that can tell nothing after a crash. */
int target_ask_nobody(struct target *, const char *mark, enum target_answer *, struct error *);
