/* The dialogue of AUTH (RFC 5034): base64 on this side, the mechanisms are auth's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct connection;

/* The mechanisms that this connection may use, separated by spaces. */
void sasl_announce(const struct connection *, char *names, size_t size);
/* AUTH without an argument. */
void sasl_list(struct connection *);
/* AUTH mechanism [initial response] */
void sasl_begin(struct connection *, char *arguments);
/* What the client answered to a challenge. */
void sasl_line(struct connection *, const char *line, size_t length);
/* Sends a challenge. */
void sasl_challenge(struct connection *, const uint8_t *data, size_t size);
