/* See mbox_index.h. */

#include "store/mbox_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/limits.h"
#include "store/mbox_scan.h"

#define MAGIC        "restmbox"
#define VERSION      1
#define BYTE_ORDER_MARK 0x01020304u
#define REST_SECONDS 60

struct header {
	char magic[8];
	uint32_t version, byte_order, header_size, entry_size;
	uint64_t count, octets, end, seen_from;
	struct mbox_stamp stamp;
	uint64_t tail;		/* digest of what stands before end */
	uint64_t checksum;	/* of the header before it */
};

bool
mbox_path_beside(char *out, size_t size, const char *path, const char *prefix, const char *suffix)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	int length = snprintf(out, size, "%.*s%s%s%s", (int)(name - path), path, prefix, name, suffix);

	return length > 0 && (size_t)length < size;
}

static bool
index_path(char path[PLACE_SIZE + 32], const char *mbox, const char *suffix)
{
	return mbox_path_beside(path, PLACE_SIZE + 32, mbox, ".", suffix);
}

static uint64_t
entry_checksum(const struct mbox_entry *entry)
{
	return XXH3_64bits((const char *)entry + sizeof(entry->checksum),
	    sizeof(*entry) - sizeof(entry->checksum));
}

static uint64_t
header_checksum(const struct header *header)
{
	return XXH3_64bits(header, offsetof(struct header, checksum));
}

bool
mbox_entry_is_sound(const struct mbox_list *list, size_t index)
{
	const struct mbox_entry *entry = &list->entries[index];

	return list->map == NULL ||
	    (entry->checksum == entry_checksum(entry) && entry->uidl_size < sizeof(entry->uidl));
}

static int
header_check(const struct header *header, size_t file_size, struct error *problem)
{
	const char *what = NULL;

	if (file_size < sizeof(*header) || memcmp(header->magic, MAGIC, 8) != 0)
		what = "it is not an index";
	else if (header->byte_order != BYTE_ORDER_MARK)
		what = "it is from a machine of another byte order";
	else if (header->version != VERSION || header->header_size != sizeof(*header) ||
	    header->entry_size != sizeof(struct mbox_entry))
		what = "it is of another version";
	else if (header->checksum != header_checksum(header))
		what = "its header is damaged";
	else if ((file_size - sizeof(*header)) % sizeof(struct mbox_entry) != 0 ||
	    header->count != (file_size - sizeof(*header)) / sizeof(struct mbox_entry))
		what = "it is cut";
	return what == NULL ? 0
	                    : error_set(problem, ERROR_PERMANENT, "the index is not used: %s", what);
}

/* The same file, of the same size and time, with the same tail; or one that has grown. */
static enum mbox_index_use
header_use(const struct header *header, int file, const struct mbox_stamp *now)
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
mbox_index_read(struct mbox_list *list, const char *path, int file, const struct mbox_stamp *now,
    struct error *problem)
{
	char name[PLACE_SIZE + 32];
	enum mbox_index_use use = MBOX_INDEX_NONE;
	const struct header *header;
	size_t size = 0;
	int index = index_path(name, path, ".restante-index") ?
	    open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) : -1;

	problem->text[0] = '\0';
	if (index < 0)
		return MBOX_INDEX_NONE;
	header = file_map(index, &size);
	close(index);
	if (header == NULL)
		error_set(problem, ERROR_PERMANENT, "the index is not used: it is not an index");
	else if (header_check(header, size, problem) == 0)
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

static bool
entries_write(FILE *out, const struct mbox_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct mbox_entry entry = list->entries[i];

		entry.checksum = entry_checksum(&entry);
		if (!mbox_entry_is_sound(list, i) || fwrite(&entry, sizeof(entry), 1, out) != 1)
			return false;
	}
	return true;
}

static void
header_make(struct header *header, const struct mbox_list *list)
{
	memset(header, 0, sizeof(*header));
	memcpy(header->magic, MAGIC, sizeof(header->magic));
	header->version = VERSION;
	header->byte_order = BYTE_ORDER_MARK;
	header->header_size = sizeof(*header);
	header->entry_size = sizeof(struct mbox_entry);
	header->stamp = list->stamp;
	header->count = list->count;
	header->octets = list->octets;
	header->end = list->end;
	header->seen_from = list->seen_from;
	header->tail = list->tail;
	header->checksum = header_checksum(header);
}

/* As in index_file.c: one temporary name; a fresh one is another session's, let that one win. */
static int
temporary_open(const char *path)
{
	static const int how = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int file = open(path, how, 0600);
	struct stat status;

	if (file >= 0 || errno != EEXIST)
		return file;
	if (lstat(path, &status) == 0 && status.st_mtime + REST_SECONDS < time(NULL) &&
	    unlink(path) == 0)
		return open(path, how, 0600);
	errno = EEXIST;
	return -1;
}

static int
index_fill(int file, const struct header *header, const struct mbox_list *list)
{
	FILE *out = fdopen(file, "w");
	bool written;

	if (out == NULL) {
		close(file);
		return -1;
	}
	written = fwrite(header, sizeof(*header), 1, out) == 1 && entries_write(out, list);
	return fclose(out) == 0 && written ? 0 : -1;
}

int
mbox_index_write(const struct mbox_list *list, const char *path, struct error *error)
{
	char name[PLACE_SIZE + 32], temporary[PLACE_SIZE + 32];
	struct header header;
	int out;

	if (!index_path(name, path, ".restante-index") ||
	    !index_path(temporary, path, ".restante-index.tmp"))
		return 0;
	header_make(&header, list);
	out = temporary_open(temporary);
	/* Another writes it, or this is a directory where none can be: that is as it should be. */
	if (out < 0)
		return errno == EEXIST || errno == EACCES || errno == EPERM || errno == EROFS ?
		    0 : error_errno(error, ERROR_TEMPORARY, "cannot create an index");
	if (index_fill(out, &header, list) != 0 || rename(temporary, name) != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot write the index");
		unlink(temporary);
		return -1;
	}
	return 0;
}

void
mbox_index_drop(const char *path)
{
	char name[PLACE_SIZE + 32];

	if (index_path(name, path, ".restante-index"))
		unlink(name);
}
