/* The greeting, the names of sessions, and APOP's timestamp, which is made of both. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/writer.h"

/* Draws the random numbers that keep this process's names apart from all others'. */
int greeting_startup(struct error *);

/*
 * Never 0, never the same twice: a random part that the processes do not share, and a count. When
 * the count is used up a new random part is drawn.
 */
uint64_t session_next(void);

/*
 * The host's name as it may stand in a timestamp: letters, digits, '.' and '-', because some
 * clients refuse all others. Lives as long as the process: a connection keeps the one it was
 * greeted with.
 */
const char *greeting_domain(const char *hostname);

/*
 * "<5f21c00000001.8a4f...@mail.example.org>": a msg-id (RFC 1939, section 7), the same for the same
 * session and domain.
 */
void greeting_timestamp(const char *domain, uint64_t session, char text[TEXT_SIZE]);

/* "+OK greeting timestamp"; domain NULL: without a timestamp, APOP is not offered. */
void greeting_write(struct writer *, const char *greeting, const char *domain, uint64_t session);
