/*
 * What restante-lmtp asks: has this address a maildrop here? There is no password, and nobody is slowed:
 * who asks is an MTA that restante-lmtp has let in. The answer is a warrant (ipc/warrant.h), given when
 * the maildrop process runs, or a refusal. A user whose password is locked is still given his mail.
 *
 * Whoever waits is kept in bounded memory, and forgotten when its lmtp process ends.
 */
#pragma once

#include "auth/auth.h"
#include "ipc/channel.h"

/* IPC_CHANNEL: a new lmtp process, or one that took another's place. */
void recipients_channel(struct auth *, struct ipc_message *);
/* At the end of the program. */
void recipients_free_all(struct auth *);
