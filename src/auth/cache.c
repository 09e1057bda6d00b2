/* See cache.h. */

#include "auth/cache.h"

#define PURPOSE "verified"

static bool
is_on(const struct cache *cache)
{
	return cache->capacity > 0 && cache->lifetime_milliseconds > 0;
}

int
cache_configure(struct cache *cache, const struct digest_key *key, uint64_t seconds,
    size_t capacity, struct error *error)
{
	cache->key = *key;
	/* A row lives as long as was right when it was made: a shorter life drops what there is. */
	if (cache->capacity > 0 && seconds * 1000 < cache->lifetime_milliseconds)
		cache_clear(cache);
	cache->lifetime_milliseconds = seconds * 1000;
	if (capacity == cache->capacity)
		return 0;
	cache_close(cache);
	if (capacity > 0 && lru_open(&cache->rows, capacity, sizeof(uint64_t), error) < 0)
		return -1;
	cache->capacity = capacity;
	return 0;
}

bool
cache_has(struct cache *cache, const char *user, const char *password, uint64_t now)
{
	const uint64_t *until;
	struct digest digest;

	if (!is_on(cache))
		return false;
	digest_make(&digest, &cache->key, PURPOSE, user, password);
	until = lru_find(&cache->rows, &digest);
	if (until == NULL)
		return false;
	if (now < *until)
		return true;
	lru_remove(&cache->rows, &digest);
	return false;
}

void
cache_add(struct cache *cache, const char *user, const char *password, uint64_t now)
{
	struct digest digest;
	uint64_t *until;

	if (!is_on(cache))
		return;
	digest_make(&digest, &cache->key, PURPOSE, user, password);
	until = lru_add(&cache->rows, &digest);
	*until = now + cache->lifetime_milliseconds;
}

void
cache_clear(struct cache *cache)
{
	if (cache->capacity > 0)
		lru_clear(&cache->rows);
}

void
cache_close(struct cache *cache)
{
	lru_close(&cache->rows);
	cache->capacity = 0;
}
