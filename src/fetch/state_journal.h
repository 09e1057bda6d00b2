/* The file of a state: read from its beginning, appended to, rewritten. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/state_line.h"
#include "fetch/state_place.h"

struct journal {
	int directory, file;	/* -1: not open */
	struct state_names names;
	uint64_t size;
	uint64_t synced_size;	/* what is certainly on the disk: all but a seal */
	size_t line_count;
	bool is_broken;		/* a write failed: what of it is on the disk is not known */
	bool has_written;	/* since it was opened or rewritten, and nothing failed */
	bool is_sealed;		/* its last line is STATE_END: all before that was synced */
};

/* What lines mean. -1: it cannot be remembered. */
typedef int journal_apply(void *context, const struct state_line *, struct error *);

/*
 * Reads all of the file, which directory and names say. 1: there was one. 0: there is none. -1: damaged, or
 * not readable. What a crash tore at its end is passed over. Unless it is sealed it must be rewritten before
 * it is relied on: what was read may not be on the disk.
 */
int journal_read(struct journal *, bool read_only, journal_apply *, void *context, struct error *);
/* The file's name, which a rename may have brought that is not on the disk. */
int journal_name_sync(struct journal *, struct error *);
/* Appends them in one write, and syncs. Their start is set. */
int journal_append(struct journal *, struct state_line lines[], size_t count, struct error *);
/*
 * After the last write: from now on damage before this is told from a crash, and the next to read it need
 * not rewrite it. Best effort, not synced: should it get lost, that is no harm.
 */
void journal_seal(struct journal *);
void journal_close(struct journal *);

/* A new file in place of the old: begin, put each line, end (synced and shown). */
struct journal_rewriting {
	struct journal *journal;
	int file;
	char *buffer;
	size_t used;
	uint64_t size;
	size_t line_count;
};

int journal_rewrite_begin(struct journal_rewriting *, struct journal *, const char *account,
    struct error *);
int journal_rewrite_put(struct journal_rewriting *, struct state_line *, struct error *);
/* failed: something went wrong meanwhile, the old one stays. */
int journal_rewrite_end(struct journal_rewriting *, bool failed, struct error *);
