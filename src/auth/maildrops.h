/*
 * The maildrop processes that run, or that parent was asked to start: one for each uid, gid and
 * root (the directory below which its maildrops lie).
 */
#pragma once

#include "auth/check.h"

/*
 * Sends check->open to the process that serves it, now or once that is started. Ends with
 * check_granted() or check_not_served(), perhaps before it returns.
 */
void maildrops_open(struct check *, uint32_t uid, uint32_t gid, const char *root);
/* The check no longer waits. */
void maildrops_forget(struct check *);
/* Messages of parent's. */
void maildrops_started(struct auth *, struct ipc_message *);
void maildrops_not_started(struct auth *, const struct ipc_not_started *);
size_t maildrops_count(const struct auth *);
/* At the end of the program. */
void maildrops_free_all(struct auth *);
