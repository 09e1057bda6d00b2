/*
 * The process as its parent and auth see it: settings, new clients (IPC_OPEN), the key of warrants, reports,
 * kicks, the clock, and when to leave.
 */
#pragma once

#include "base/error.h"

#define CONTROL_DESCRIPTOR 3

/*
 * Runs until the process exits; returns only if it cannot begin. root and index (NULL: indexes lie
 * beside the mail) are the directories that the sandbox has left to this process; lent for ever.
 */
int service_run(const char *root, const char *index, struct error *);
