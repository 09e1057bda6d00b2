/*
 * One message on its way into one maildrop: what lmtp has said of it (IPC_DELIVER), its descriptor or its text
 * (IPC_DELIVER_TEXT), and the delivery into the store. Believed of it is the warrant alone, which is the caller's
 * to check: the descriptor may be of anything, and the file may change while it is read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "ipc/channel.h"
#include "maildrop/rules.h"
#include "store/append.h"

struct parcel {
	const struct ipc_deliver *deliver;	/* lent */
	struct rules *rules;			/* one reference */
	int message;				/* -1: none came */
	const struct ipc_deliver_text *text;	/* lent: the message is in it; NULL: in the file */
	char place[PLACE_SIZE];			/* the maildrop, or a folder of it */
	char head[TRACE_SIZE];			/* with LF line ends */
	struct delivery delivery;
	struct append *append;
	uint64_t began_milliseconds;
};

/* Of one of these two. Takes the descriptor and the reference; parcel_end() is due in any case. */
void parcel_begin(struct parcel *, const struct ipc_message *, struct rules *);
/* A file, and how large? *large: to write it may take long. */
int parcel_look(struct parcel *, bool *large, struct error *);
/* Where nobody sees it yet. May wait for the disk if it is large. */
int parcel_write(struct parcel *, struct error *);
/* Durably and visibly, together with others. Waits for the disk. */
int parcel_commit(struct parcel *, struct append_group *, struct error *);
/* One line in the log. error: NULL, or why it failed. */
void parcel_log(const struct parcel *, const struct error *error);
/* Removes what was not committed. */
void parcel_end(struct parcel *);
