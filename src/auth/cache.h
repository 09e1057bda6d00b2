/*
 * Credentials that were right a short while ago, so that a poll does not cost a hash that is made
 * to be dear. It holds digests with a key that nobody outside this process has, no password.
 */
#pragma once

#include "auth/lru.h"

struct cache {
	struct digest_key key;
	struct lru rows; /* of uint64_t: good until */
	uint64_t lifetime_milliseconds;
	size_t capacity;
};

/* Call again to change the sizes; what it held is dropped if capacity changes. 0 of either: off. */
int cache_configure(
    struct cache *, const struct digest_key *, uint64_t seconds, size_t capacity, struct error *);
bool cache_has(struct cache *, const char *user, const char *password, uint64_t now);
void cache_add(struct cache *, const char *user, const char *password, uint64_t now);
/* To be called when the users file has changed. */
void cache_clear(struct cache *);
void cache_close(struct cache *);
