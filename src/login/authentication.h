/*
 * Asking auth. While it thinks nothing is read from the client; its answer finds the connection by
 * the session.
 */
#pragma once

#include "ipc/channel.h"

struct connection;
struct login;

/* What auth says. */
void authentication_answered(struct login *, struct ipc_message *);
/* The channel to auth is lost, or another: who waits gets a temporary error. */
void authentication_lost(struct login *);
/* Both answer the client at once if auth cannot be asked. */
void authentication_check(struct connection *, enum ipc_check_method, const char *user,
    const char *password, const char *timestamp);
/* The mechanism and the data are filled in; the rest is filled in here. */
void authentication_sasl_start(struct connection *, struct ipc_sasl_start *);
void authentication_sasl_step(struct connection *, const struct ipc_sasl_data *);
/* The client has gone, or does not want to any more. Harmless if auth knows nothing of it. */
void authentication_forget(struct connection *);
