/* Rows in an array; each is in the chain of its bucket and in the order of use. */

#include "auth/lru.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define NONE UINT32_MAX

struct row {
	struct digest key;
	uint32_t chain; /* the next row of the bucket, or the next spare row */
	uint32_t newer, older;
	uint32_t unused; /* aligns the value */
	unsigned char value[];
};

int
lru_open(struct lru *lru, size_t capacity, size_t value_size, struct error *error)
{
	struct lru made = { .value_size = value_size, .capacity = (uint32_t)capacity };

	made.row_size = (sizeof(struct row) + value_size + 15) & ~(size_t)15;
	made.bucket_count = 16;
	while (made.bucket_count < capacity)
		made.bucket_count *= 2;
	/* A large calloc() is memory that the kernel has not made yet: unused rows cost nothing. */
	made.rows = calloc(capacity, made.row_size);
	made.buckets = calloc(made.bucket_count, sizeof(*made.buckets));
	made.newest = made.oldest = made.spare = NONE;
	if (made.rows == NULL || made.buckets == NULL) {
		free(made.rows);
		free(made.buckets);
		return error_set(error, ERROR_TEMPORARY, "no memory for %zu rows", capacity);
	}
	*lru = made;
	return 0;
}

void
lru_close(struct lru *lru)
{
	if (lru->rows != NULL)
		secret_wipe(lru->rows, lru->count * lru->row_size);
	free(lru->rows);
	free(lru->buckets);
	*lru = (struct lru){ 0 };
}

static struct row *
row_at(const struct lru *lru, uint32_t index)
{
	return (struct row *)(void *)(lru->rows + index * lru->row_size);
}

/* Buckets hold index + 1, so that zeroed memory is an empty table. */
static uint32_t *
bucket_of(const struct lru *lru, const struct digest *key)
{
	uint32_t hash;

	memcpy(&hash, key->octets, sizeof(hash));
	return &lru->buckets[hash & (lru->bucket_count - 1)];
}

static uint32_t
find(const struct lru *lru, const struct digest *key)
{
	uint32_t found = *bucket_of(lru, key);

	while (found != 0 && memcmp(&row_at(lru, found - 1)->key, key, sizeof(*key)) != 0)
		found = row_at(lru, found - 1)->chain;
	return found == 0 ? NONE : found - 1;
}

static void
leave_order(struct lru *lru, uint32_t index)
{
	struct row *row = row_at(lru, index);

	if (row->newer == NONE)
		lru->newest = row->older;
	else
		row_at(lru, row->newer)->older = row->older;
	if (row->older == NONE)
		lru->oldest = row->newer;
	else
		row_at(lru, row->older)->newer = row->newer;
}

static void
become_newest(struct lru *lru, uint32_t index)
{
	struct row *row = row_at(lru, index);

	row->newer = NONE;
	row->older = lru->newest;
	if (lru->newest == NONE)
		lru->oldest = index;
	else
		row_at(lru, lru->newest)->newer = index;
	lru->newest = index;
}

static void
leave_bucket(struct lru *lru, uint32_t index)
{
	struct row *row = row_at(lru, index);
	uint32_t *link = bucket_of(lru, &row->key);

	while (*link != index + 1)
		link = &row_at(lru, *link - 1)->chain;
	*link = row->chain;
}

/* A row that belongs to nobody. */
static uint32_t
take_row(struct lru *lru)
{
	uint32_t index;

	if (lru->spare != NONE) {
		index = lru->spare;
		lru->spare = row_at(lru, index)->chain;
	} else if (lru->count < lru->capacity) {
		index = lru->count++;
	} else {
		index = lru->oldest;
		leave_order(lru, index);
		leave_bucket(lru, index);
	}
	return index;
}

void *
lru_find(struct lru *lru, const struct digest *key)
{
	uint32_t index = find(lru, key);

	if (index == NONE)
		return NULL;
	leave_order(lru, index);
	become_newest(lru, index);
	return row_at(lru, index)->value;
}

void *
lru_add(struct lru *lru, const struct digest *key)
{
	void *value = lru_find(lru, key);
	uint32_t *bucket = bucket_of(lru, key);
	struct row *row;
	uint32_t index;

	if (value != NULL)
		return value;
	index = take_row(lru);
	row = row_at(lru, index);
	row->key = *key;
	row->chain = *bucket;
	*bucket = index + 1;
	become_newest(lru, index);
	memset(row->value, 0, lru->value_size);
	return row->value;
}

void
lru_remove(struct lru *lru, const struct digest *key)
{
	uint32_t index = find(lru, key);

	if (index == NONE)
		return;
	leave_order(lru, index);
	leave_bucket(lru, index);
	row_at(lru, index)->chain = lru->spare;
	lru->spare = index;
}

void
lru_clear(struct lru *lru)
{
	memset(lru->buckets, 0, lru->bucket_count * sizeof(*lru->buckets));
	secret_wipe(lru->rows, lru->count * lru->row_size);
	lru->count = 0;
	lru->newest = lru->oldest = lru->spare = NONE;
}
