/*
 * The process as its parent and auth see it: settings, new clients (IPC_OPEN), reports, kicks, the
 * clock, and when to leave.
 */
#pragma once

#include "base/error.h"

#define CONTROL_DESCRIPTOR 3

/* Runs until the process exits; returns only if it cannot begin. */
int service_run(struct error *);
