/*
 * A warrant is auth's word that mail for a place may be written by one maildrop process. It is carried
 * there by restante-lmtp, which talks to strangers and may neither make one nor change one: auth seals it
 * (HMAC-SHA256) with a key that only auth and the maildrop processes have. So a maildrop process need not
 * hear from auth about every recipient, and keeps nothing for those who never come.
 *
 * A warrant is good as long as the auth process that made it and the maildrop process that it names. To
 * show one twice is not prevented: whoever has one may ask auth for another.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "ipc/messages.h"

/* The octets are the same for all maildrop processes. -1: the machine has none that are random. */
int warrant_key_make(struct ipc_warrant_key *, struct error *);
/* All but the seal is set, and the strings hold nothing behind their NUL. */
void warrant_seal(struct ipc_warrant *, const struct ipc_warrant_key *);
/* Made with that key, for the maildrop process that has it, and not changed since? */
bool warrant_is_good(const struct ipc_warrant *, const struct ipc_warrant_key *);
