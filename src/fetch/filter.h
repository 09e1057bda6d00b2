/*
 * The account's filter: a command that sees a message's header on standard input and says on standard output
 * what is to become of it, with the first word: "fetch", "skip" (it stays on the server, and is not asked about
 * again) or "delete" (without fetching it). Its environment has RESTANTE_ACCOUNT, RESTANTE_UIDL and
 * RESTANTE_SIZE.
 *
 * Only an exit status of 0 with one of these words counts: a filter that fails loses no mail.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum filter_verdict { FILTER_FETCH, FILTER_SKIP, FILTER_DELETE };

/* Waits for the command, at most so long. -1: it did not say; the message is to be left as it is. */
int filter_ask(enum filter_verdict *, const char *command, const char *account, const char *uidl,
    uint64_t octets, const void *header, size_t size, unsigned timeout_seconds, struct error *);
