/*
 * A bounded table: when it is full, the row that was not used for the longest time makes room.
 * Keys are digests with a secret key (auth/digest.h), so nobody can choose them to collide.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/digest.h"
#include "base/error.h"

struct lru {
	unsigned char *rows; /* touched only as they are needed */
	uint32_t *buckets;
	size_t row_size, value_size, bucket_count;
	uint32_t capacity, count;
	uint32_t newest, oldest;
	uint32_t spare; /* rows that lru_remove() gave back */
};

/* capacity: 1 or more. */
int lru_open(struct lru *, size_t capacity, size_t value_size, struct error *);
/* Wipes it. Harmless on one that is zeroed. */
void lru_close(struct lru *);
/* The value of a key, now the newest; NULL if there is none. Good until the next lru_add(). */
void *lru_find(struct lru *, const struct digest *);
/* The same, but makes one of zeros if there is none. */
void *lru_add(struct lru *, const struct digest *);
void lru_remove(struct lru *, const struct digest *);
void lru_clear(struct lru *);
