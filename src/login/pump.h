/*
 * After the login: a clear-text client is handed over and forgotten; for a TLS client octets are
 * pumped between it and its maildrop.
 */
#pragma once

struct connection;
struct deadline;
struct login;

/* To connection->maildrop. The connection ends, or goes on after an -ERR. */
void hand_over(struct connection *);
/* An element of login->slow whose client has taken nothing for too long. */
void pump_expired(struct deadline *);
void pumps_end(struct login *);
