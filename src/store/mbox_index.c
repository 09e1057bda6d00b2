/* See mbox_index.h. */

#include "store/mbox_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/limits.h"
#include "store/index_output.h"
#include "store/mbox_index_file.h"
#include "store/mbox_scan.h"
#include "store/store.h"

bool
mbox_path_beside(char *out, size_t size, const char *path, const char *prefix, const char *suffix)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	int length = snprintf(out, size, "%.*s%s%s%s", (int)(name - path), path, prefix, name, suffix);

	return length > 0 && (size_t)length < size;
}

/* The name of an index beside its mbox goes with that of the mbox, its directory's does not. */
void
mbox_index_locate(struct index_place *place, const char *path, int index_directory)
{
	const char *slash = strrchr(path, '/');
	uint8_t maildrop[INDEX_MAILDROP_SIZE];
	char name[INDEX_PLACE_SIZE];

	if (index_directory >= 0) {
		index_maildrop_digest(maildrop, "mbox", path);
		index_place_apart(place, index_directory, maildrop);
	} else if (index_directory == STORE_INDEX_BESIDE &&
	    mbox_path_beside(name, sizeof(name), path, ".", ".restante-index")) {
		index_place_beside(place, AT_FDCWD, name);
		index_maildrop_digest(place->maildrop, "mbox", slash != NULL ? slash + 1 : path);
	} else {
		index_place_none(place);
	}
}

const struct index_head mbox_index_head = {
	.magic = "restmbox", .version = 2, .byte_order = INDEX_BYTE_ORDER,
	.header_size = sizeof(struct mbox_index_header), .entry_size = sizeof(struct mbox_entry),
};

static uint64_t
entry_checksum(const struct mbox_entry *entry)
{
	return XXH3_64bits((const char *)entry + sizeof(entry->checksum),
	    sizeof(*entry) - sizeof(entry->checksum));
}

static uint64_t
header_checksum(const struct mbox_index_header *header)
{
	return XXH3_64bits(header, offsetof(struct mbox_index_header, checksum));
}

bool
mbox_entry_is_sound(const struct mbox_list *list, size_t index)
{
	const struct mbox_entry *entry = &list->entries[index];

	return list->map == NULL ||
	    (entry->checksum == entry_checksum(entry) && entry->uidl_size < sizeof(entry->uidl));
}

static int
header_check(const struct mbox_index_header *header, size_t file_size, const struct index_place *place,
    struct error *problem)
{
	const char *what = index_head_problem(&header->head, &mbox_index_head, file_size);

	if (what != NULL)
		return error_set(problem, ERROR_PERMANENT, "the index is not used: %s", what);
	if (header->checksum != header_checksum(header))
		what = "its header is damaged";
	else if (memcmp(header->maildrop, place->maildrop, sizeof(header->maildrop)) != 0)
		what = "it belongs to another maildrop";
	else if ((file_size - sizeof(*header)) % sizeof(struct mbox_entry) != 0 ||
	    header->count != (file_size - sizeof(*header)) / sizeof(struct mbox_entry))
		what = "it is cut";
	return what == NULL ? 0
	                    : error_set(problem, ERROR_PERMANENT, "the index is not used: %s", what);
}

/* The same file, of the same size and time, with the same tail; or one that has grown. */
static enum mbox_index_use
header_use(const struct mbox_index_header *header, int file, const struct mbox_stamp *now)
{
	uint64_t tail;
	struct error error;

	if (header->stamp.file.inode != now->file.inode || header->end > now->size ||
	    mbox_tail_digest(file, header->end, &tail, &error) != 0 || tail != header->tail)
		return MBOX_INDEX_NONE;
	if (header->end < now->size)
		return MBOX_INDEX_BEGINNING;
	return header->stamp.file.modified_seconds == now->file.modified_seconds &&
	        header->stamp.file.modified_nanoseconds == now->file.modified_nanoseconds
	    ? MBOX_INDEX_WHOLE
	    : MBOX_INDEX_NONE;
}

static void *
file_map(int file, size_t *size)
{
	struct stat status;
	void *map;

	if (fstat(file, &status) != 0 || status.st_size <= 0)
		return NULL;
	*size = (size_t)status.st_size;
	map = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0);
	return map != MAP_FAILED ? map : NULL;
}

enum mbox_index_use
mbox_index_read(struct mbox_list *list, const struct index_place *place, int file,
    const struct mbox_stamp *now, struct error *problem)
{
	enum mbox_index_use use = MBOX_INDEX_NONE;
	const struct mbox_index_header *header;
	size_t size = 0;
	int index = index_place_open(place);

	problem->text[0] = '\0';
	if (index < 0)
		return MBOX_INDEX_NONE;
	header = file_map(index, &size);
	close(index);
	if (header == NULL)
		error_set(problem, ERROR_PERMANENT, "the index is not used: it is not an index");
	else if (header_check(header, size, place, problem) == 0)
		use = header_use(header, file, now);
	if (use == MBOX_INDEX_NONE) {
		if (header != NULL)
			munmap((void *)(uintptr_t)header, size);
		return use;
	}
	*list = (struct mbox_list){ .entries = (const struct mbox_entry *)(header + 1),
		.count = (size_t)header->count, .octets = header->octets, .end = header->end,
		.tail = header->tail, .seen_from = (size_t)header->seen_from, .stamp = header->stamp,
		.map = (void *)(uintptr_t)header, .map_size = size };
	return use;
}

static void
header_make(struct mbox_index_header *header, const struct mbox_list *list, const struct index_place *place)
{
	memset(header, 0, sizeof(*header));
	header->head = mbox_index_head;
	header->stamp = list->stamp;
	header->count = list->count;
	header->octets = list->octets;
	header->end = list->end;
	header->seen_from = list->seen_from;
	header->tail = list->tail;
	memcpy(header->maildrop, place->maildrop, sizeof(header->maildrop));
	header->checksum = header_checksum(header);
}

static int
index_fill(int file, const struct mbox_list *list, const struct index_place *place)
{
	struct index_output *output = index_output_begin(file);
	struct mbox_index_header header;

	if (output == NULL)
		return -1;
	header_make(&header, list, place);
	index_output_put(output, &header, sizeof(header));
	for (size_t i = 0; i < list->count; i++) {
		struct mbox_entry entry = list->entries[i];

		entry.checksum = entry_checksum(&entry);
		index_output_put(output, &entry, sizeof(entry));
	}
	return index_output_end(output);
}

/* What was read from a damaged file must not get a checksum that fits. */
static bool
is_sound(const struct mbox_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!mbox_entry_is_sound(list, i))
			return false;
	return true;
}

int
mbox_index_write(const struct mbox_list *list, const struct index_place *place, struct error *error)
{
	int file, result;

	if (place->name[0] == '\0')
		return 0;
	if (!is_sound(list))
		return error_set(error, ERROR_PERMANENT, "the index it comes from is damaged");
	file = index_place_create(place);
	if (file < 0 && errno == EEXIST)
		return 0;
	if (file < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot create an index");
	result = index_fill(file, list, place);
	if (result == 0)
		result = index_place_commit(place);
	if (result != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot write the index");
		index_place_abandon(place);
	}
	close(file);
	return result;
}
