/*
 * Recipients whom auth has found a moment ago. An MTA often has several messages for the same ones, and to ask
 * wakes two processes. What changes in the users file holds for mail when the moment is over; whoever auth did
 * not find is asked about each time.
 */
#pragma once

#include "ipc/messages.h"

struct lmtp;
struct known;

#define KNOWN_SLOTS        1024	/* a power of two */
#define KNOWN_MILLISECONDS 1000

/* NULL: auth has to be asked. Lent until something is kept or forgotten. */
const struct ipc_warrant *known_find(const struct lmtp *, const struct ipc_recipient *question);
void known_keep(struct lmtp *, const struct ipc_recipient *question, const struct ipc_warrant *);
/* auth is another one, or what it says has changed. */
void known_forget_all(struct lmtp *);
