/* SASL: the messages between client and mechanism, until there is something to check. */
#pragma once

#include "auth/check.h"

void talk_start(struct login *, struct ipc_message *);
void talk_step(struct login *, struct ipc_message *);
