/* See record.h. */

#include "replay/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

bool
record_exists(int directory, const char *path)
{
	struct stat status;

	return fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Where the next write() goes. */
off_t
record_offset(int file)
{
	return lseek(file, 0, fcntl(file, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
}

/* The node that has the inode now: the last of that number, since numbers are used again. */
static uint32_t
node_of(const struct recording *r, const struct stat *status)
{
	if (status->st_dev != r->device)
		return DISK_NONE;
	for (size_t i = r->now.node_count; i > 0; i--)
		if (r->now.nodes[i - 1].inode == status->st_ino)
			return (uint32_t)(i - 1);
	return DISK_NONE;
}

static struct disk_times
times_of(const struct stat *status)
{
	return (struct disk_times){ status->st_mtim, status->st_ctim };
}

/* The directory that a path leads to, and the name in it. DISK_NONE: it lies outside. */
static uint32_t
parent_of(const struct recording *r, int directory, const char *path, const char **name,
    struct disk_times *times)
{
	const char *slash = strrchr(path, '/');
	char parent[1024] = ".";
	struct stat status;

	*name = slash != NULL ? slash + 1 : path;
	if (slash != NULL)
		snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (fstatat(directory, parent, &status, 0) != 0)
		return DISK_NONE;
	*times = times_of(&status);
	return node_of(r, &status);
}

static struct operation *
operation_add(struct recording *r, enum operation_kind kind)
{
	struct operation *operation;

	r->operations = reallocarray(r->operations, r->count + 1, sizeof(*r->operations));
	assert_non_null(r->operations);
	operation = &r->operations[r->count++];
	*operation = (struct operation){ .kind = kind, .node = DISK_NONE, .directory = DISK_NONE,
		.to_directory = DISK_NONE };
	return operation;
}

static char *
copy_of(const char *data, size_t size)
{
	char *copy = malloc(size + 1);

	assert_non_null(copy);
	memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

enum entry_made { ENTRY_FILE, ENTRY_DIRECTORY, ENTRY_LINK };

static void
entry_made(struct recording *r, int directory, const char *path, enum entry_made what)
{
	struct operation *operation;
	struct disk_times times;
	struct stat status;
	const char *name;
	uint32_t parent = parent_of(r, directory, path, &name, &times);

	if (parent == DISK_NONE)
		return;
	assert_int_equal(fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW), 0);
	operation = operation_add(r, OPERATION_ADD);
	operation->node = what == ENTRY_LINK
	    ? node_of(r, &status)
	    : disk_node_add(&r->now, what == ENTRY_DIRECTORY, status.st_ino);
	assert_true(operation->node != DISK_NONE);
	operation->directory = parent;
	operation->directory_times = times;
	operation->node_times = times_of(&status);
	operation->name = copy_of(name, strlen(name));
	disk_put(&r->now, parent, name, operation->node);
}

void
record_created(struct recording *r, int directory, const char *path)
{
	entry_made(r, directory, path, ENTRY_FILE);
}

void
record_made_directory(struct recording *r, int directory, const char *path)
{
	entry_made(r, directory, path, ENTRY_DIRECTORY);
}

void
record_linked(struct recording *r, int directory, const char *path)
{
	entry_made(r, directory, path, ENTRY_LINK);
}

void
record_unlinked(struct recording *r, int directory, const char *path)
{
	struct operation *operation;
	struct disk_times times;
	const char *name;
	uint32_t parent = parent_of(r, directory, path, &name, &times);

	if (parent == DISK_NONE)
		return;
	operation = operation_add(r, OPERATION_REMOVE);
	operation->node = disk_find(&r->now, parent, name);
	operation->directory = parent;
	operation->directory_times = times;
	operation->name = copy_of(name, strlen(name));
	disk_drop(&r->now, parent, name);
}

void
record_renamed(struct recording *r, int from_directory, const char *from, int to_directory,
    const char *to)
{
	struct disk_times from_times, to_times;
	const char *from_name, *to_name;
	uint32_t from_parent = parent_of(r, from_directory, from, &from_name, &from_times);
	uint32_t to_parent = parent_of(r, to_directory, to, &to_name, &to_times);
	struct operation *operation;

	if (from_parent == DISK_NONE && to_parent == DISK_NONE)
		return;
	if (from_parent == DISK_NONE || to_parent == DISK_NONE)
		fail_msg("%s was renamed to %s, across the recorded directory", from, to);
	operation = operation_add(r, OPERATION_RENAME);
	operation->node = disk_find(&r->now, from_parent, from_name);
	assert_true(operation->node != DISK_NONE);
	operation->directory = from_parent;
	operation->to_directory = to_parent;
	operation->directory_times = from_times;
	operation->to_directory_times = to_times;
	operation->name = copy_of(from_name, strlen(from_name));
	operation->to_name = copy_of(to_name, strlen(to_name));
	operation->replaces = disk_find(&r->now, to_parent, to_name) != DISK_NONE;
	disk_drop(&r->now, from_parent, from_name);
	disk_put(&r->now, to_parent, to_name, operation->node);
}

/* The node behind a descriptor, or DISK_NONE. */
static uint32_t
file_of(const struct recording *r, int file, struct disk_times *times)
{
	struct stat status;

	if (fstat(file, &status) != 0)
		return DISK_NONE;
	*times = times_of(&status);
	return node_of(r, &status);
}

void
record_wrote(struct recording *r, int file, const char *data, size_t size, off_t offset)
{
	struct operation *operation;
	struct disk_times times;
	uint32_t node = file_of(r, file, &times);

	if (node == DISK_NONE)
		return;
	operation = operation_add(r, OPERATION_WRITE);
	operation->node = node;
	operation->node_times = times;
	operation->offset = (uint64_t)offset;
	operation->size = size;
	operation->data = copy_of(data, size);
	disk_write(&r->now, node, (uint64_t)offset, data, size);
}

void
record_truncated(struct recording *r, int file, off_t size)
{
	struct operation *operation;
	struct disk_times times;
	uint32_t node = file_of(r, file, &times);

	if (node == DISK_NONE)
		return;
	operation = operation_add(r, OPERATION_TRUNCATE);
	operation->node = node;
	operation->node_times = times;
	operation->size = (uint64_t)size;
	disk_truncate(&r->now, node, (uint64_t)size);
}

bool
record_holds(struct recording *r, int file)
{
	struct disk_times times;

	return file_of(r, file, &times) != DISK_NONE;
}

void
record_synced(struct recording *r, int file)
{
	struct disk_times times;
	uint32_t node = file_of(r, file, &times);

	if (node != DISK_NONE)
		operation_add(r, OPERATION_SYNC)->node = node;
}

void
record_mark(struct recording *r, uint64_t mark)
{
	operation_add(r, OPERATION_MARK)->size = mark;
}

void
record_begin(struct recording *r, const char *directory)
{
	struct stat status;

	*r = (struct recording){ .count = 0 };
	assert_int_equal(stat(directory, &status), 0);
	r->device = status.st_dev;
	disk_load(&r->initial, directory);
	disk_copy(&r->now, &r->initial);
	calls_record(r);
}

void
record_end(struct recording *r, const char *directory)
{
	struct disk there;

	calls_record(NULL);
	disk_load(&there, directory);
	if (disk_digest(&there, false) != disk_digest(&r->now, false))
		fail_msg("something changed %s by a call that is not recorded", directory);
	disk_free(&there);
}

void
record_free(struct recording *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->operations[i].name);
		free(r->operations[i].to_name);
		free(r->operations[i].data);
	}
	free(r->operations);
	disk_free(&r->initial);
	disk_free(&r->now);
}

/* The name that a directory has in the end, or "." for the root. */
static const char *
directory_name(const struct recording *r, uint32_t directory)
{
	for (size_t i = 0; i < r->now.entry_count; i++)
		if (r->now.entries[i].node == directory)
			return r->now.entries[i].name;
	return directory == 0 ? "." : "?";
}

void
record_describe(const struct recording *r, const struct operation *o, char *line, size_t size)
{
	switch (o->kind) {
	case OPERATION_ADD:
		snprintf(line, size, "create %s/%s", directory_name(r, o->directory), o->name);
		return;
	case OPERATION_REMOVE:
		snprintf(line, size, "unlink %s/%s", directory_name(r, o->directory), o->name);
		return;
	case OPERATION_RENAME:
		snprintf(line, size, "rename %s/%s to %s/%s", directory_name(r, o->directory), o->name,
		    directory_name(r, o->to_directory), o->to_name);
		return;
	case OPERATION_WRITE:
		snprintf(line, size, "write %" PRIu64 " at %" PRIu64 " of node %u", o->size, o->offset, o->node);
		return;
	case OPERATION_TRUNCATE:
		snprintf(line, size, "truncate node %u to %" PRIu64, o->node, o->size);
		return;
	case OPERATION_SYNC:
		snprintf(line, size, "sync node %u (%s)", o->node, directory_name(r, o->node));
		return;
	case OPERATION_MARK:
		snprintf(line, size, "promise %" PRIu64, o->size);
		return;
	}
}
