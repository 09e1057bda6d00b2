/* What the files state*.c share. */
#pragma once

#include "fetch/state.h"
#include "fetch/state_journal.h"
#include "fetch/state_table.h"

#define COMPACTION_LINES_MIN 1000	/* a journal that is shorter is not worth it */

struct state_pair {
	char *key, *value;
};

struct state_values {
	struct state_pair *pairs;
	size_t count;
};

struct state {
	struct journal journal;
	int lock;
	bool read_only;
	char *account;
	struct state_table table;
	struct state_values values;
};

/* -1: no memory. */
int state_values_set(struct state_values *, const struct state_text *key, const struct state_text *value);
const char *state_values_find(const struct state_values *, const char *key);
void state_values_free(struct state_values *);

/* Into the journal, synced, and then into memory. */
int state_change(struct state *, struct state_line lines[], size_t count, struct error *);
