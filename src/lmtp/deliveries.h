/* Inside delivery.c: the lists in which deliveries are. Each is in the table of all, and in its connection's. */
#pragma once

#include "lmtp/delivery.h"

/* ASKED, with a new id, the last of its connection. NULL: there are too many, or no memory. */
struct delivery *delivery_new(struct connection *, const struct recipient *);
struct delivery *delivery_find(struct lmtp *, uint64_t id);
struct delivery *delivery_of(struct deadline *);
/* Takes it out of everything. */
void delivery_free(struct delivery *);
/* A new id, so that an answer to the old one is nobody's. */
void delivery_rename(struct delivery *);
/* Takes it out of the queue it is in, and its deadline away. */
void delivery_unqueue(struct delivery *);
/* auth was asked. */
void delivery_await_auth(struct delivery *);
/* Into the queue of what can be sent; at the door; on its way. It is in no queue before. */
void delivery_make_ready(struct delivery *);
void delivery_wait(struct delivery *, struct maildrop_door *);
void delivery_sent(struct delivery *, struct maildrop_door *);
