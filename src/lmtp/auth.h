/* The channel to auth, and the next one if it is lost. */
#pragma once

struct lmtp;

/* Takes the descriptor. */
void auth_open(struct lmtp *, int descriptor);
/* If there is no channel, the parent is asked for one after a while, and again. */
void auth_await(struct lmtp *);
void auth_init(struct lmtp *);
