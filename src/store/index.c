/* A list of messages in memory, and what it may be trusted for: see index.h. */

#include "store/index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/index_file.h"

/*
 * How old a change must be before a later one surely gets another time. Kernels tick at 100 Hz or
 * faster; a network file system's server has its own clock, hence not less than this.
 */
#define GRANULE_NANOSECONDS 100000000

static int64_t
nanoseconds_between(const struct timespec *now, int64_t seconds, uint32_t nanoseconds)
{
	return (now->tv_sec - seconds) * 1000000000 + now->tv_nsec - nanoseconds;
}

void
index_stamp_make(struct index_stamp *stamp, const struct stat *status, const struct timespec *now)
{
	memset(stamp, 0, sizeof(*stamp));
	if (status != NULL) {
		stamp->inode = status->st_ino;
		stamp->modified_seconds = status->st_mtim.tv_sec;
		stamp->modified_nanoseconds = (uint32_t)status->st_mtim.tv_nsec;
		stamp->changed_seconds = status->st_ctim.tv_sec;
		stamp->changed_nanoseconds = (uint32_t)status->st_ctim.tv_nsec;
	}
	stamp->settled = nanoseconds_between(now, stamp->changed_seconds,
	    stamp->changed_nanoseconds) > GRANULE_NANOSECONDS;
}

bool
index_stamp_same(const struct index_stamp *recorded, const struct index_stamp *now)
{
	return recorded->settled && recorded->inode == now->inode &&
	    recorded->modified_seconds == now->modified_seconds &&
	    recorded->modified_nanoseconds == now->modified_nanoseconds &&
	    recorded->changed_seconds == now->changed_seconds &&
	    recorded->changed_nanoseconds == now->changed_nanoseconds;
}

const char *
index_base(const struct index_list *list, const struct index_entry *entry)
{
	return list->texts + entry->name;
}

const char *
index_flags(const struct index_list *list, const struct index_entry *entry)
{
	return list->texts + entry->name + entry->base_size + 1;
}

const char *
index_own_uidl(const struct index_list *list, const struct index_entry *entry)
{
	return list->texts + entry->name + entry->base_size + entry->flags_size + 2;
}

const char *
index_uidl(const struct index_list *list, const struct index_entry *entry, size_t *size)
{
	if (entry->uidl_size == 0) {
		*size = entry->unique_size;
		return index_base(list, entry);
	}
	*size = entry->uidl_size;
	return index_own_uidl(list, entry);
}

static int
texts_reserve(struct index_list *list, size_t size)
{
	size_t capacity = list->texts_capacity * 2 + size + 512;
	char *texts;

	if (list->texts_size + size <= list->texts_capacity)
		return 0;
	texts = capacity < UINT32_MAX ? realloc(list->grown_texts, capacity) : NULL;
	if (texts == NULL)
		return -1;
	list->texts = list->grown_texts = texts;
	list->texts_capacity = capacity;
	return 0;
}

static int
entries_reserve(struct index_list *list)
{
	size_t capacity = list->capacity * 2 + 16;
	struct index_entry *entries;

	if (list->count < list->capacity)
		return 0;
	entries = reallocarray(list->grown, capacity, sizeof(*entries));
	if (entries == NULL)
		return -1;
	list->entries = list->grown = entries;
	list->capacity = capacity;
	return 0;
}

static void
text_put(struct index_list *list, const char *text, size_t size)
{
	memcpy(list->grown_texts + list->texts_size, text, size);
	list->grown_texts[list->texts_size + size] = '\0';
	list->texts_size += size + 1;
}

int
index_append(struct index_list *list, const struct index_entry *entry, const char *base,
    size_t base_size, const char *flags, const char *uidl)
{
	size_t flags_size = strlen(flags), uidl_size = strlen(uidl);
	struct index_entry *copy;

	if (entries_reserve(list) != 0 ||
	    texts_reserve(list, base_size + flags_size + uidl_size + 3) != 0)
		return -1;
	copy = &list->grown[list->count++];
	*copy = *entry;
	copy->name = (uint32_t)list->texts_size;
	copy->base_size = (uint16_t)base_size;
	copy->flags_size = (uint16_t)flags_size;
	copy->uidl_size = (uint8_t)uidl_size;
	text_put(list, base, base_size);
	text_put(list, flags, flags_size);
	text_put(list, uidl, uidl_size);
	return 0;
}

int
index_set_uidl(struct index_list *list, size_t index, const char *uidl)
{
	struct index_entry *entry = &list->grown[index];
	size_t old_size = (size_t)entry->base_size + entry->flags_size + 2;
	size_t uidl_size = strlen(uidl);

	if (texts_reserve(list, old_size + uidl_size + 1) != 0)
		return -1;
	memcpy(list->grown_texts + list->texts_size, list->grown_texts + entry->name, old_size);
	entry->name = (uint32_t)list->texts_size;
	entry->uidl_size = (uint8_t)uidl_size;
	list->texts_size += old_size;
	text_put(list, uidl, uidl_size);
	return 0;
}

void
index_shrink(struct index_list *list)
{
	void *entries = reallocarray(list->grown, list->count + (list->count == 0),
	    sizeof(*list->grown));
	void *texts = realloc(list->grown_texts, list->texts_size + (list->texts_size == 0));

	if (entries != NULL)
		list->entries = list->grown = entries;
	if (texts != NULL)
		list->texts = list->grown_texts = texts;
	list->capacity = list->count;
	list->texts_capacity = list->texts_size;
}

void
index_free(struct index_list *list)
{
	if (list->mapped)
		munmap(list->block, list->block_size);
	else
		free(list->block);
	if (list->unread)
		close(list->file);
	free(list->grown);
	free(list->grown_texts);
	*list = (struct index_list){ 0 };
}
