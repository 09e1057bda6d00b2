/* Reading and writing the index: see index.h. */

#include "store/index_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xxhash.h>

#include "store/index_output.h"

#define READ_SIZE_MAX (16 * 1024)	/* a larger one is mapped: only what is used is touched */

const struct index_head index_file_head = {
	.magic = "restante", .version = 3, .byte_order = INDEX_BYTE_ORDER,
	.header_size = sizeof(struct index_header), .entry_size = sizeof(struct index_entry),
};

static uint64_t
header_checksum(const struct index_header *header)
{
	return XXH3_64bits(header, offsetof(struct index_header, checksum));
}

static size_t
entry_texts_size(const struct index_entry *entry)
{
	return (size_t)entry->base_size + entry->flags_size + entry->uidl_size + 3;
}

static uint64_t
entry_checksum(const struct index_entry *entry, const char *texts)
{
	uint64_t of_texts = XXH3_64bits(texts, entry_texts_size(entry));

	return XXH3_64bits_withSeed((const char *)entry + sizeof(entry->checksum),
	    sizeof(*entry) - sizeof(entry->checksum), of_texts);
}

bool
index_entry_sound(const struct index_list *list, size_t index)
{
	const struct index_entry *entry;

	if (list->unread)
		return false;
	if (list->block == NULL)
		return true;
	entry = &list->entries[index];
	return entry->name <= list->texts_size &&
	    entry_texts_size(entry) <= list->texts_size - entry->name &&
	    entry->checksum == entry_checksum(entry, list->texts + entry->name) &&
	    index_base(list, entry)[entry->base_size] == '\0' &&
	    index_flags(list, entry)[entry->flags_size] == '\0' &&
	    index_flags(list, entry)[entry->flags_size + 1 + entry->uidl_size] == '\0' &&
	    entry->unique_size <= entry->base_size && entry->directory <= 1 &&
	    entry->base_size + entry->flags_size <= NAME_MAX && entry->uidl_size < UIDL_SIZE;
}

/* A maildrop that was copied has other directories, one that was renamed has the same. */
static bool
is_same_maildrop(const struct index_stamp recorded[2], const struct index_stamp now[2])
{
	for (int i = 0; i < 2; i++)
		if (recorded[i].inode != 0 && recorded[i].inode == now[i].inode)
			return true;
	return false;
}

static int
header_check(const struct index_header *header, size_t file_size, const struct index_place *place,
    const struct index_stamp now[2], struct error *error)
{
	const char *problem = index_head_problem(&header->head, &index_file_head, file_size);

	if (problem != NULL)
		return error_set(error, ERROR_PERMANENT, "the index is not used: %s", problem);
	if (header->checksum != header_checksum(header))
		problem = "its header is damaged";
	else if (memcmp(header->maildrop, place->maildrop, sizeof(header->maildrop)) != 0 ||
	    !is_same_maildrop(header->stamps, now))
		problem = "it belongs to another maildrop";
	else if (header->count > file_size / sizeof(struct index_entry) ||
	    header->texts_size > file_size ||
	    file_size != sizeof(*header) + header->count * sizeof(struct index_entry) + header->texts_size)
		problem = "it is cut";
	return problem == NULL ? 0
	                       : error_set(error, ERROR_PERMANENT, "the index is not used: %s", problem);
}

/* All of a small file; *size is how much it is, or READ_SIZE_MAX if there may be more. */
static void *
block_read(int file, size_t *size)
{
	char *block = malloc(READ_SIZE_MAX), *shrunk;
	ssize_t n;

	*size = 0;
	while (block != NULL && *size < READ_SIZE_MAX) {
		n = pread(file, block + *size, READ_SIZE_MAX - *size, (off_t)*size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*size += (size_t)n;
		/* A short read of a file is its end: it is replaced, never appended to. */
		if (*size < READ_SIZE_MAX)
			break;
	}
	shrunk = block != NULL ? realloc(block, *size + 1) : NULL;
	return shrunk != NULL ? shrunk : block;
}

static void
list_point(struct index_list *list)
{
	list->entries = (const struct index_entry *)((const struct index_header *)list->block + 1);
	list->texts = (const char *)(list->entries + list->count);
}

bool
index_map(struct index_list *list)
{
	void *block;

	if (!list->unread)
		return true;
	block = mmap(NULL, list->block_size, PROT_READ, MAP_PRIVATE, list->file, 0);
	if (block == MAP_FAILED)
		return false;
	close(list->file);
	list->unread = false;
	list->block = block;
	list->mapped = true;
	list_point(list);
	return true;
}

/* The header, or all of a small file. */
static int
block_get(struct index_list *list, int file, size_t *file_size, struct error *error)
{
	struct stat status;

	list->block = block_read(file, file_size);
	if (list->block != NULL && *file_size < READ_SIZE_MAX)
		return 0;
	if (list->block == NULL || fstat(file, &status) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot read the index");
	*file_size = (size_t)status.st_size;
	list->unread = true;
	return 0;
}

static void
list_fill(struct index_list *list, const struct index_header *header, size_t file_size)
{
	list->count = (size_t)header->count;
	list->texts_size = (size_t)header->texts_size;
	list->octets = header->octets;
	list->block_size = file_size;
	memcpy(list->stamps, header->stamps, sizeof(list->stamps));
	if (!list->unread) {
		list_point(list);
		return;
	}
	free(list->block);
	list->block = NULL;
}

int
index_read(struct index_list *list, const struct index_place *place,
    const struct index_stamp now[2], struct error *error)
{
	int file = index_place_open(place);
	size_t file_size;

	if (file < 0)
		return errno == ENOENT ? 0 : error_errno(error, ERROR_TEMPORARY, "cannot open the index");
	*list = (struct index_list){ .file = file };
	if (block_get(list, file, &file_size, error) != 0 ||
	    header_check(list->block, file_size, place, now, error) != 0) {
		list->unread = false;
		close(file);
		index_free(list);
		return -1;
	}
	list_fill(list, list->block, file_size);
	if (!list->unread)
		close(file);
	return 1;
}

static bool
is_kept(const bool without[], size_t index)
{
	return without == NULL || !without[index];
}

static void
header_make(struct index_header *header, const struct index_list *list, const bool without[],
    const struct index_place *place)
{
	memset(header, 0, sizeof(*header));
	header->head = index_file_head;
	memcpy(header->stamps, list->stamps, sizeof(header->stamps));
	memcpy(header->maildrop, place->maildrop, sizeof(header->maildrop));
	for (size_t i = 0; i < list->count; i++) {
		if (!is_kept(without, i))
			continue;
		header->count++;
		header->texts_size += entry_texts_size(&list->entries[i]);
		header->octets += list->entries[i].wire_size;
	}
	header->checksum = header_checksum(header);
}

static void
entries_put(struct index_output *output, const struct index_list *list, const bool without[])
{
	uint32_t name = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct index_entry entry = list->entries[i];

		if (!is_kept(without, i))
			continue;
		entry.name = name;
		entry.unseen = 0;
		entry.checksum = entry_checksum(&entry, list->texts + list->entries[i].name);
		name += (uint32_t)entry_texts_size(&entry);
		index_output_put(output, &entry, sizeof(entry));
	}
	for (size_t i = 0; i < list->count; i++)
		if (is_kept(without, i))
			index_output_put(output, list->texts + list->entries[i].name,
			    entry_texts_size(&list->entries[i]));
}

static int
file_fill(int file, const struct index_list *list, const bool without[],
    const struct index_place *place)
{
	struct index_output *output = index_output_begin(file);
	struct index_header header;

	if (output == NULL)
		return -1;
	header_make(&header, list, without, place);
	index_output_put(output, &header, sizeof(header));
	entries_put(output, list, without);
	return index_output_end(output);
}

static bool
is_sound(const struct index_list *list, const bool without[])
{
	for (size_t i = 0; i < list->count; i++)
		if (is_kept(without, i) && !index_entry_sound(list, i))
			return false;
	return true;
}

int
index_write(const struct index_list *list, const bool without[], const struct index_place *place,
    struct error *error)
{
	int file, result;

	if (place->name[0] == '\0')
		return 0;
	/* What was read from a damaged file must not get a checksum that fits. */
	if (list->unread || !is_sound(list, without))
		return error_set(error, ERROR_PERMANENT, "the index it comes from is damaged");
	file = index_place_create(place);
	if (file < 0 && errno == EEXIST)
		return 0;
	if (file < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot create an index");
	result = file_fill(file, list, without, place);
	if (result == 0)
		result = index_place_commit(place);
	if (result != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot write the index");
		index_place_abandon(place);
	}
	close(file);
	return result;
}
