/* A short text for a long or secret one: HMAC-SHA256 with a random key of this process. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define DIGEST_SIZE 16

struct digest {
	uint8_t octets[DIGEST_SIZE];
};

struct digest_key {
	uint8_t octets[32];
};

int digest_key_make(struct digest_key *, struct error *);
/*
 * purpose: digests for one purpose never equal those for another. b may be NULL. "ab", "c" and
 * "a", "bc" differ.
 */
void digest_make(
    struct digest *, const struct digest_key *, const char *purpose, const char *a, const char *b);
