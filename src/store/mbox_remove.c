/* See mbox_remove.h. */

#include "store/mbox_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/octets.h"
#include "store/mbox_index.h"
#include "store/mbox_scan.h"

#define CHUNK_SIZE (64 * 1024)

struct ranges {
	struct mbox_range *of;
	size_t count;
	bool *marked;	/* by index: these are the messages that they hold */
	bool moved;	/* one was found elsewhere than the list says */
};

static int
compare_ranges(const void *x, const void *y)
{
	const struct mbox_range *a = x, *b = y;

	return (a->begin > b->begin) - (a->begin < b->begin);
}

/* In order, and those that touch as one. */
static void
ranges_join(struct ranges *ranges)
{
	size_t kept = 0;

	if (ranges->count > 1)
		qsort(ranges->of, ranges->count, sizeof(*ranges->of), compare_ranges);
	for (size_t i = 0; i < ranges->count; i++) {
		if (kept > 0 && ranges->of[kept - 1].end >= ranges->of[i].begin)
			ranges->of[kept - 1].end = ranges->of[i].end;
		else
			ranges->of[kept++] = ranges->of[i];
	}
	ranges->count = kept;
}

/* Is the whole list known to be what the file holds now? */
static bool
list_is_seen(const struct mbox *m)
{
	struct mbox_stamp now;

	mbox_file_stamp(m, &now);
	return m->list.seen_from == 0 && m->list.stamp.file.settled &&
	    mbox_stamp_same(&m->list.stamp, &now);
}

/* A message that has vanished is removed already; any other problem leaves it where it is. */
static int
ranges_find(struct mbox *m, const bool marked[], struct ranges *ranges, struct error *error)
{
	bool seen;
	int result = 0;

	for (size_t i = 0; i < m->list.count; i++)
		if (marked[i])
			(void)mbox_entry_check(m, i, true, error);
	seen = list_is_seen(m);
	for (size_t i = 0; i < m->list.count; i++) {
		const struct mbox_entry *entry = &m->list.entries[i];
		struct error problem;

		if (!marked[i])
			continue;
		if (!mbox_entry_is_sound(&m->list, i)) {
			result = error_set(error, ERROR_TEMPORARY, "the index is damaged");
			continue;
		}
		if (!seen) {
			if (mbox_find(m, i, &problem) != 0) {
				if (problem.kind != ERROR_GONE) {
					*error = problem;
					result = -1;
				}
				continue;
			}
			ranges->moved = ranges->moved || m->current.from != entry->from ||
			    m->current.end != entry->end;
			entry = &m->current;
		}
		ranges->of[ranges->count++] = (struct mbox_range){ entry->from, entry->end };
		ranges->marked[i] = true;
	}
	return result;
}

static int
range_append(int from, int to, uint64_t begin, uint64_t end, char *chunk, struct error *error)
{
	while (begin < end) {
		size_t size = end - begin < CHUNK_SIZE ? (size_t)(end - begin) : CHUNK_SIZE;

		if (mbox_read_all(from, begin, chunk, size, error) != 0)
			return -1;
		if (octets_write(to, chunk, size) != 0)
			return error_errno(error, ERROR_TEMPORARY, "cannot write the new mbox");
		begin += size;
	}
	return 0;
}

static int
new_file_fill(int from, int to, uint64_t size, const struct ranges *removed, struct error *error)
{
	char *chunk = malloc(CHUNK_SIZE);
	uint64_t at = 0;
	int result = chunk != NULL ? 0 : error_set(error, ERROR_TEMPORARY, "no memory for a new mbox");

	for (size_t i = 0; i <= removed->count && result == 0; i++) {
		result = range_append(from, to, at, i < removed->count ? removed->of[i].begin : size, chunk,
		    error);
		if (i < removed->count)
			at = removed->of[i].end;
	}
	free(chunk);
	if (result == 0 && fsync(to) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot sync the new mbox");
	return result;
}

/* A new file beside the mbox with its owner, group and mode; -1 where there can be none. */
static int
new_file_open(const struct mbox *m, const char *path)
{
	struct stat old, new;
	int file;

	unlink(path);	/* a crash may have left it; we hold the locks */
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return -1;
	/* Other names of the file would go on naming the old one. */
	if (fstat(m->file, &old) == 0 && fstat(file, &new) == 0 && old.st_nlink == 1 &&
	    old.st_uid == new.st_uid && old.st_gid == new.st_gid &&
	    fchmod(file, old.st_mode & 07777) == 0)
		return file;
	close(file);
	unlink(path);
	return -1;
}

static int
directory_open(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PLACE_SIZE] = ".";

	if (slash != NULL) {
		size_t size = slash == path ? 1 : (size_t)(slash - path);

		memcpy(directory, path, size);
		directory[size] = '\0';
	}
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The session's lock goes over to the new file before anybody can see it. */
static int
new_file_settle(struct mbox *m, int file, const char *path, int directory, struct error *error)
{
	if (flock(file, LOCK_EX | LOCK_NB) != 0 || rename(path, m->path) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot put the new mbox in its place");
	if (fsync(directory) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot sync the directory of the mbox");
	return 0;
}

/* 1: done. 0: the directory does not allow it. The old file stays open for its locks. */
static int
rename_over(struct mbox *m, uint64_t size, const struct ranges *removed, int *old,
    struct error *error)
{
	char path[PLACE_SIZE + 32];
	int directory, file, result;

	if (!mbox_path_beside(path, sizeof(path), m->path, ".", ".restante-new"))
		return 0;
	file = new_file_open(m, path);
	directory = file >= 0 ? directory_open(m->path) : -1;
	if (directory < 0) {
		if (file >= 0) {
			unlink(path);
			close(file);
		}
		return 0;
	}
	result = new_file_fill(m->file, file, size, removed, error);
	if (result == 0)
		result = new_file_settle(m, file, path, directory, error);
	close(directory);
	if (result != 0) {
		unlink(path);
		close(file);
		return -1;
	}
	*old = m->file;
	m->file = file;
	return 1;
}

/*
 * Another program may have given the file its name a moment ago: what is promised of the file must
 * not go when a power failure brings back the one before. A directory that cannot be opened is
 * none that this program can do more for.
 */
static int
name_sync(const struct mbox *m, struct error *error)
{
	int directory = directory_open(m->path), result;

	if (directory < 0)
		return errno == EACCES ? 0 : error_errno(error, ERROR_TEMPORARY,
		                                 "cannot open the directory of the mbox");
	result = fsync(directory);
	if (result != 0)
		error_errno(error, ERROR_TEMPORARY, "cannot sync the directory of the mbox");
	close(directory);
	return result;
}

static int
ranges_remove(struct mbox *m, bool dotted, const struct ranges *removed, int *old,
    struct error *error)
{
	struct stat status;
	uint64_t size;
	int done = 0;

	if (fstat(m->file, &status) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot look at the mbox");
	size = (uint64_t)status.st_size;
	if (dotted && (removed->count > 1 || removed->of[0].end < size))
		done = rename_over(m, size, removed, old, error);
	if (done != 0)
		return done < 0 ? -1 : 0;
	if (name_sync(m, error) != 0)
		return -1;
	return mbox_journal_remove(m->file, size, removed->of, removed->count, error);
}

/* The list of what is left, for the index. Without memory there is none. */
static void
left_make(struct mbox *m, const struct ranges *removed)
{
	struct mbox_list left = { 0 };
	struct error error;
	uint64_t gap = 0;

	if (removed->moved)
		return;
	for (size_t i = 0; i < m->list.count; i++) {
		struct mbox_entry entry = m->list.entries[i];
		bool sound = mbox_entry_is_sound(&m->list, i);

		entry.from -= gap;
		entry.text -= gap;
		entry.end -= gap;
		if (removed->marked[i])
			gap += entry.end - entry.from;
		else if (!sound || mbox_list_append(&left, &entry) != 0)
			goto none;
	}
	mbox_file_stamp(m, &left.stamp);
	left.end = m->list.end - gap;
	left.seen_from = left.count;
	if (mbox_list_complete(&left) != 0 || left.end > left.stamp.size ||
	    mbox_tail_digest(m->file, left.end, &left.tail, &error) != 0)
		goto none;
	m->left = left;
	return;
none:
	mbox_list_free(&left);
}

static int
remove_locked(struct mbox *m, const bool marked[], bool dotted, int *old, struct error *error)
{
	struct ranges ranges = { .of = calloc(m->list.count + 1, sizeof(*ranges.of)),
		.marked = calloc(m->list.count + 1, sizeof(*ranges.marked)) };
	int result;

	if (ranges.of == NULL || ranges.marked == NULL) {
		result = error_set(error, ERROR_TEMPORARY, "no memory to remove messages");
	} else {
		result = ranges_find(m, marked, &ranges, error);
		ranges_join(&ranges);
		if (ranges.count > 0 && ranges_remove(m, dotted, &ranges, old, error) != 0)
			result = -1;
		else if (ranges.count > 0)
			left_make(m, &ranges);
	}
	free(ranges.of);
	free(ranges.marked);
	return result;
}

int
mbox_remove_marked(struct mbox *m, const bool marked[], struct error *error)
{
	struct mbox_lock lock;
	int result, old = -1;

	/* A file that is gone took its messages with it. */
	if (mbox_file_lock(m, &lock, MBOX_LOCK_WRITE, error) != 0)
		return error->kind == ERROR_GONE ? 0 : -1;
	result = remove_locked(m, marked, lock.dotted, &old, error);
	mbox_lock_drop(&lock);
	if (old >= 0)
		close(old);
	return result;
}
