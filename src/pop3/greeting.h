/* The timestamp of APOP in a server's greeting (RFC 1939, section 7). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The last "<...@...>" of the text, with its brackets, as the digest is made of it. False: there is none that
 * is shaped like a message-id, or it has no room; what is no message-id may have been made up so that the
 * digest betrays the password.
 */
bool greeting_timestamp(const char *text, char *timestamp, size_t size);
