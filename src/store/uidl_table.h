/*
 * UIDLs by the names of files: what another server's list says, and what is remembered of it.
 *
 * A row is found by the base of a file's name (maildir_name.h). Other programs may add or correct
 * the sizes at its end; so where no row has that very base, the one row with the same unique part
 * is meant, if there is but one on either side.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define UIDL_TEXT_SIZE 1024	/* what another server gives may be longer than RFC 1939 allows */

struct uidl_row {
	uint32_t base, uidl;	/* offsets of texts, each ended by a NUL */
	uint16_t base_size, unique_size, uidl_size;
};

struct uidl_table {
	struct uidl_row *rows;
	size_t count, capacity;
	char *texts;
	size_t texts_size, texts_capacity;
	uint32_t *by_uidl;	/* indices of rows in the order of their UIDLs; NULL: not yet asked for */
};

/*
 * name: of a file, flags and all, not NUL-terminated. One that no file can have is left out. Free
 * the table with uidl_table_free(), also after a failure. -1: no memory, or far too many.
 */
int uidl_table_add(struct uidl_table *, const char *name, size_t name_size, const char *uidl,
    size_t uidl_size);
/* To be called before anything is looked up. Of rows with the same base the last stays. */
void uidl_table_sort(struct uidl_table *);
/* The order of rows: negative, 0 or positive. */
int uidl_row_compare(const struct uidl_table *, const struct uidl_row *, const struct uidl_row *);
/*
 * Takes as long however many rows are alike. alone: no other file has the same unique part. NULL: there
 * is none.
 */
const struct uidl_row *uidl_table_find(const struct uidl_table *, const char *base, size_t base_size,
    size_t unique_size, bool alone);
/* 1: some row has this UIDL, *row (may be NULL) is it. 0: none has. -1: no memory. */
int uidl_table_has(struct uidl_table *, const char *uidl, size_t size, const struct uidl_row **row);
/* A row whose UIDL the row *other has, too; NULL in *doubled: there is none. -1: no memory. */
int uidl_table_doubled(struct uidl_table *, const struct uidl_row **doubled,
    const struct uidl_row **other);
void uidl_table_free(struct uidl_table *);

static inline const char *
uidl_row_base(const struct uidl_table *table, const struct uidl_row *row)
{
	return table->texts + row->base;
}

static inline const char *
uidl_row_uidl(const struct uidl_table *table, const struct uidl_row *row)
{
	return table->texts + row->uidl;
}
