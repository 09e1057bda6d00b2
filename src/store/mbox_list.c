/* See mbox_list.h. */

#include "store/mbox_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool
mbox_stamp_same(const struct mbox_stamp *x, const struct mbox_stamp *y)
{
	return x->size == y->size && x->file.inode == y->file.inode &&
	    x->file.modified_seconds == y->file.modified_seconds &&
	    x->file.modified_nanoseconds == y->file.modified_nanoseconds &&
	    x->file.changed_seconds == y->file.changed_seconds &&
	    x->file.changed_nanoseconds == y->file.changed_nanoseconds;
}

int
mbox_list_append(struct mbox_list *list, const struct mbox_entry *entry)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity * 2 + 16;
		struct mbox_entry *entries = reallocarray(list->grown, capacity, sizeof(*entries));

		if (entries == NULL)
			return -1;
		list->entries = list->grown = entries;
		list->capacity = capacity;
	}
	list->grown[list->count++] = *entry;
	return 0;
}

bool
mbox_entry_same_text(const struct mbox_entry *x, const struct mbox_entry *y)
{
	return memcmp(x->uidl, y->uidl, MBOX_DIGEST_SIZE) == 0;
}

/* Equal texts stand together, in the order of the file: entries lie in it in memory too. */
static int
compare_entries(const void *x, const void *y)
{
	const struct mbox_entry *const *a = x, *const *b = y;
	int order = memcmp((*a)->uidl, (*b)->uidl, MBOX_DIGEST_SIZE);

	return order != 0 ? order : (*a > *b) - (*a < *b);
}

static const struct mbox_entry **
entries_sort(const struct mbox_list *list)
{
	const struct mbox_entry **sorted = calloc(list->count + 1, sizeof(const struct mbox_entry *));

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		sorted[i] = &list->entries[i];
	qsort(sorted, list->count, sizeof(const struct mbox_entry *), compare_entries);
	return sorted;
}

/* How many from at on have one text. */
static size_t
group_size(const struct mbox_entry *const *sorted, size_t at, size_t count)
{
	size_t size = 1;

	while (at + size < count && mbox_entry_same_text(sorted[at], sorted[at + size]))
		size++;
	return size;
}

static void
entry_number(struct mbox_entry *entry, size_t copy)
{
	entry->uidl_size = MBOX_DIGEST_SIZE;
	memset(entry->uidl + MBOX_DIGEST_SIZE, 0, sizeof(entry->uidl) - MBOX_DIGEST_SIZE);
	if (copy > 1)
		entry->uidl_size += (uint32_t)snprintf(entry->uidl + MBOX_DIGEST_SIZE,
		    sizeof(entry->uidl) - MBOX_DIGEST_SIZE, ".%u", (unsigned)copy);
}

int
mbox_list_complete(struct mbox_list *list)
{
	const struct mbox_entry **sorted = entries_sort(list);

	if (sorted == NULL)
		return -1;
	list->octets = 0;
	for (size_t at = 0; at < list->count;) {
		size_t size = group_size(sorted, at, list->count);

		for (size_t i = 0; i < size; i++) {
			struct mbox_entry *entry = &list->grown[sorted[at + i] - list->entries];

			entry_number(entry, i + 1);
			list->octets += entry->wire_size;
		}
		at += size;
	}
	free(sorted);
	return 0;
}

static void
lists_merge(const struct mbox_list *then, const struct mbox_entry *const *then_sorted,
    const struct mbox_list *now, const struct mbox_entry *const *now_sorted, size_t map[])
{
	size_t there = 0;

	for (size_t at = 0; at < then->count;) {
		size_t size = group_size(then_sorted, at, then->count), size_now = 0;

		while (there < now->count &&
		    memcmp(now_sorted[there]->uidl, then_sorted[at]->uidl, MBOX_DIGEST_SIZE) < 0)
			there++;
		if (there < now->count && mbox_entry_same_text(now_sorted[there], then_sorted[at]))
			size_now = group_size(now_sorted, there, now->count);
		/* More than before: a new one came, behind the old ones. */
		for (size_t i = 0; i < size; i++)
			map[then_sorted[at + i] - then->entries] = size_now == 0 ? MBOX_GONE :
			    size_now < size ? MBOX_DOUBTFUL : (size_t)(now_sorted[there + i] - now->entries);
		at += size;
	}
}

int
mbox_list_map(const struct mbox_list *then, const struct mbox_list *now, size_t map[])
{
	const struct mbox_entry **then_sorted = entries_sort(then), **now_sorted = entries_sort(now);
	int result = -1;

	if (then_sorted != NULL && now_sorted != NULL) {
		lists_merge(then, then_sorted, now, now_sorted, map);
		result = 0;
	}
	free(then_sorted);
	free(now_sorted);
	return result;
}

void
mbox_list_free(struct mbox_list *list)
{
	if (list->map != NULL)
		munmap(list->map, list->map_size);
	free(list->grown);
	*list = (struct mbox_list){ 0 };
}
