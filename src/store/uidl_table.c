/* See uidl_table.h. */

#include "store/uidl_table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/maildir_name.h"

static int
texts_reserve(struct uidl_table *table, size_t size)
{
	size_t capacity = table->texts_capacity * 2 + size + 4096;
	char *texts;

	if (table->texts_size + size <= table->texts_capacity)
		return 0;
	texts = capacity < UINT32_MAX ? realloc(table->texts, capacity) : NULL;
	if (texts == NULL)
		return -1;
	table->texts = texts;
	table->texts_capacity = capacity;
	return 0;
}

static int
rows_reserve(struct uidl_table *table)
{
	size_t capacity = table->capacity * 2 + 64;
	struct uidl_row *rows;

	if (table->count < table->capacity)
		return 0;
	rows = capacity < UINT32_MAX ? reallocarray(table->rows, capacity, sizeof(*rows)) : NULL;
	if (rows == NULL)
		return -1;
	table->rows = rows;
	table->capacity = capacity;
	return 0;
}

static uint32_t
text_put(struct uidl_table *table, const char *text, size_t size)
{
	uint32_t at = (uint32_t)table->texts_size;

	memcpy(table->texts + at, text, size);
	table->texts[at + size] = '\0';
	table->texts_size += size + 1;
	return at;
}

int
uidl_table_add(struct uidl_table *table, const char *name, size_t name_size, const char *uidl,
    size_t uidl_size)
{
	const char *colon = memchr(name, ':', name_size);
	size_t base_size = colon != NULL ? (size_t)(colon - name) : name_size;
	struct maildir_name parsed;
	struct uidl_row *row;

	if (base_size == 0 || base_size > NAME_MAX || uidl_size >= UIDL_TEXT_SIZE ||
	    memchr(name, '/', base_size) != NULL || memchr(name, '\0', base_size) != NULL)
		return 0;
	if (rows_reserve(table) != 0 || texts_reserve(table, base_size + uidl_size + 2) != 0)
		return -1;
	row = &table->rows[table->count];
	row->base = text_put(table, name, base_size);
	row->base_size = (uint16_t)base_size;
	row->uidl = text_put(table, uidl, uidl_size);
	row->uidl_size = (uint16_t)uidl_size;
	maildir_name_parse(&parsed, table->texts + row->base);
	row->unique_size = (uint16_t)parsed.unique_size;
	table->count++;
	return 0;
}

static int
compare_texts(const char *x, size_t x_size, const char *y, size_t y_size)
{
	int order = memcmp(x, y, x_size < y_size ? x_size : y_size);

	return order != 0 ? order : x_size < y_size ? -1 : x_size > y_size;
}

/* A base and the unique part that it begins with, as rows are ordered. */
static int
compare_bases(const char *x, size_t x_unique, size_t x_size, const char *y, size_t y_unique, size_t y_size)
{
	int order = compare_texts(x, x_unique, y, y_unique);

	return order != 0 ? order : compare_texts(x, x_size, y, y_size);
}

int
uidl_row_compare(const struct uidl_table *table, const struct uidl_row *x, const struct uidl_row *y)
{
	return compare_bases(uidl_row_base(table, x), x->unique_size, x->base_size,
	    uidl_row_base(table, y), y->unique_size, y->base_size);
}

/* Rows with equal bases stay in the order in which they came: so do their texts. */
static int
compare_rows(const void *x, const void *y, void *table)
{
	const struct uidl_row *a = x, *b = y;
	int order = uidl_row_compare(table, a, b);

	return order != 0 ? order : a->base < b->base ? -1 : a->base > b->base;
}

void
uidl_table_sort(struct uidl_table *table)
{
	size_t kept = 0;

	if (table->count < 2)
		return;
	qsort_r(table->rows, table->count, sizeof(*table->rows), compare_rows, table);
	for (size_t i = 0; i < table->count; i++) {
		if (kept > 0 && uidl_row_compare(table, &table->rows[kept - 1], &table->rows[i]) == 0)
			kept--;
		table->rows[kept++] = table->rows[i];
	}
	table->count = kept;
}

/*
 * The first row that is not before this base. With the unique part alone for a base, that is the
 * first with this unique part: none is shorter.
 */
static size_t
first_row(const struct uidl_table *table, const char *base, size_t base_size, size_t unique_size)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct uidl_row *row = &table->rows[middle];

		if (compare_bases(uidl_row_base(table, row), row->unique_size, row->base_size, base,
		        unique_size, base_size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
has_unique(const struct uidl_table *table, size_t index, const char *unique, size_t size)
{
	return index < table->count && table->rows[index].unique_size == size &&
	    memcmp(uidl_row_base(table, &table->rows[index]), unique, size) == 0;
}

const struct uidl_row *
uidl_table_find(const struct uidl_table *table, const char *base, size_t base_size,
    size_t unique_size, bool alone)
{
	size_t at = first_row(table, base, base_size, unique_size);

	if (has_unique(table, at, base, unique_size) && table->rows[at].base_size == base_size &&
	    memcmp(uidl_row_base(table, &table->rows[at]), base, base_size) == 0)
		return &table->rows[at];
	if (!alone)
		return NULL;
	at = first_row(table, base, unique_size, unique_size);
	return has_unique(table, at, base, unique_size) && !has_unique(table, at + 1, base, unique_size)
	    ? &table->rows[at]
	    : NULL;
}

static int
compare_uidls(const void *x, const void *y, void *context)
{
	const struct uidl_table *table = context;
	const struct uidl_row *a = &table->rows[*(const uint32_t *)x];
	const struct uidl_row *b = &table->rows[*(const uint32_t *)y];

	return compare_texts(uidl_row_uidl(table, a), a->uidl_size, uidl_row_uidl(table, b), b->uidl_size);
}

static int
uidls_order(struct uidl_table *table)
{
	if (table->by_uidl != NULL)
		return 0;
	table->by_uidl = reallocarray(NULL, table->count + 1, sizeof(*table->by_uidl));
	if (table->by_uidl == NULL)
		return -1;
	for (size_t i = 0; i < table->count; i++)
		table->by_uidl[i] = (uint32_t)i;
	qsort_r(table->by_uidl, table->count, sizeof(*table->by_uidl), compare_uidls, table);
	return 0;
}

int
uidl_table_has(struct uidl_table *table, const char *uidl, size_t size, const struct uidl_row **found)
{
	size_t low = 0, high = table->count;

	if (uidls_order(table) != 0)
		return -1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct uidl_row *row = &table->rows[table->by_uidl[middle]];
		int order = compare_texts(uidl_row_uidl(table, row), row->uidl_size, uidl, size);

		if (order == 0) {
			if (found != NULL)
				*found = row;
			return 1;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

int
uidl_table_doubled(struct uidl_table *table, const struct uidl_row **doubled,
    const struct uidl_row **other)
{
	if (uidls_order(table) != 0)
		return -1;
	*doubled = NULL;
	for (size_t i = 1; i < table->count; i++)
		if (compare_uidls(&table->by_uidl[i - 1], &table->by_uidl[i], table) == 0) {
			*doubled = &table->rows[table->by_uidl[i - 1]];
			*other = &table->rows[table->by_uidl[i]];
			break;
		}
	return 0;
}

void
uidl_table_free(struct uidl_table *table)
{
	free(table->rows);
	free(table->texts);
	free(table->by_uidl);
	*table = (struct uidl_table){ 0 };
}
