/*
 * The messages of a state in memory: found by UIDL, at the same place as long as the state is open.
 * What is forgotten keeps its place until then, and is used again for the same UIDL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/state.h"

struct state_entry {
	struct state_message message;	/* first: the two share their address */
	uint32_t uidl_size, index;
	bool is_known;
	bool is_listed;			/* the server's list had it */
};

struct state_block;

struct state_table {
	struct state_block **blocks;	/* of entries */
	size_t count;			/* of entries, forgotten ones included */
	size_t known_count, intended_count;
	uint32_t *slots;		/* the number of an entry, 0: free */
	size_t slot_count;		/* a power of two, or 0 */
	char *text;			/* what is left of the room for UIDLs */
	size_t text_left;
	void **texts;			/* all such room */
	size_t text_count;
};

void state_table_free(struct state_table *);
/* Known or forgotten; NULL: there is none. */
struct state_entry *state_table_find(const struct state_table *, const char *uidl, size_t size);
/* The entry of that UIDL, made where there is none. NULL: no memory. */
struct state_entry *state_table_make(struct state_table *, const char *uidl, size_t size);
struct state_entry *state_table_at(const struct state_table *, size_t index);
/* From now on it is known, or not; what is known of it is the caller's to set. */
void state_table_know(struct state_table *, struct state_entry *, bool known);
/* 0 or -1: no memory. NULL: it is no longer intended. */
int state_table_intend(struct state_table *, struct state_entry *, const char *mark, size_t size);
