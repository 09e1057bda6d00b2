/* See mbox_file.h. */

#include "store/mbox_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/mbox_index.h"
#include "store/mbox_scan.h"
#include "store/session_lock.h"

#define OPEN_TRIES   8
#define SETTLE_TRIES 8

static int
open_failure(const char *path, struct error *error)
{
	bool permanent = errno == EACCES || errno == ELOOP || errno == ENOTDIR || errno == EISDIR;

	return error_errno(error, permanent ? ERROR_PERMANENT : ERROR_TEMPORARY,
	    "cannot open the mbox %.150s", path);
}

/* A file that may only be read can be handed out; removing from it will fail. */
static int
path_open(const char *path)
{
	static const int how = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int file = open(path, O_RDWR | how);

	return file < 0 && (errno == EACCES || errno == EROFS) ? open(path, O_RDONLY | how) : file;
}

bool
mbox_file_is_at_path(int file, const char *path, struct stat *status)
{
	struct stat at_path;

	return fstat(file, status) == 0 && lstat(path, &at_path) == 0 &&
	    status->st_ino == at_path.st_ino && status->st_dev == at_path.st_dev;
}

void
mbox_directory(char directory[PLACE_SIZE], const char *path)
{
	const char *slash = strrchr(path, '/');
	int size = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);

	snprintf(directory, PLACE_SIZE, "%.*s", slash == NULL ? 1 : size, slash == NULL ? "." : path);
}

/* A missing file is one of a user who never had mail only if its directory is there. */
static int
file_missing(struct mbox *m, struct error *error)
{
	char directory[PLACE_SIZE];
	struct stat status;

	mbox_directory(directory, m->path);
	if (stat(directory, &status) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot open %.120s", directory);
	return 0;
}

static int
file_lock(const struct mbox *m, int file, struct error *error)
{
	char directory[PLACE_SIZE];
	int result;

	mbox_directory(directory, m->path);
	result = m->learns ? flock(file, LOCK_EX | LOCK_NB) : session_lock(file, AT_FDCWD, directory);
	if (result == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(error, ERROR_BUSY, "another session has the maildrop open");
	return error_errno(error, ERROR_TEMPORARY, "cannot lock the mbox %.150s", m->path);
}

int
mbox_file_open(struct mbox *m, struct error *error)
{
	for (int tries = 0; tries < OPEN_TRIES; tries++) {
		int file = path_open(m->path);
		struct stat status;

		if (file < 0 && errno == ENOENT)
			return file_missing(m, error);
		if (file < 0)
			return open_failure(m->path, error);
		if (file_lock(m, file, error) != 0) {
			close(file);
			return -1;
		}
		if (mbox_file_is_at_path(file, m->path, &status) && S_ISREG(status.st_mode)) {
			m->file = file;
			return 0;
		}
		close(file);
		if (S_ISDIR(status.st_mode) || !S_ISREG(status.st_mode))
			return error_set(error, ERROR_PERMANENT, "%.150s is not a file", m->path);
	}
	return error_set(error, ERROR_TEMPORARY, "the mbox %.150s is replaced without pause", m->path);
}

/* The same file as before, or the one that has taken its place. */
static int
file_renew(struct mbox *m, struct error *error)
{
	struct stat status;

	if (m->file >= 0 && mbox_file_is_at_path(m->file, m->path, &status))
		return 0;
	if (m->file >= 0)
		close(m->file);
	m->file = -1;
	if (mbox_file_open(m, error) != 0) {
		if (error->kind == ERROR_BUSY)
			error->kind = ERROR_TEMPORARY;
		return -1;
	}
	return m->file >= 0 ? 0 : error_set(error, ERROR_GONE, "the mbox was removed by another program");
}

int
mbox_file_lock(struct mbox *m, struct mbox_lock *lock, enum mbox_lock_kind kind,
    struct error *error)
{
	for (int tries = 0; tries < OPEN_TRIES; tries++) {
		struct stat status;

		if (file_renew(m, error) != 0 ||
		    (m->learns ? mbox_lock_try : mbox_lock_take)(lock, m->file, m->path, kind, error) != 0)
			return -1;
		/* It may have been replaced by the program that was waited for. */
		if (mbox_file_is_at_path(m->file, m->path, &status))
			return 0;
		mbox_lock_drop(lock);
	}
	return error_set(error, ERROR_TEMPORARY, "the mbox %.150s is replaced without pause", m->path);
}

void
mbox_file_stamp(const struct mbox *m, struct mbox_stamp *stamp)
{
	struct timespec now;
	struct stat status;

	memset(stamp, 0, sizeof(*stamp));
	clock_gettime(CLOCK_REALTIME, &now);
	if (m->file < 0 || !mbox_file_is_at_path(m->file, m->path, &status))
		return;
	index_stamp_make(&stamp->file, &status, &now);
	stamp->size = (uint64_t)status.st_size;
}

int
mbox_read_anew(struct mbox *m, struct mbox_list *list, struct error *error)
{
	*list = (struct mbox_list){ 0 };
	mbox_file_stamp(m, &list->stamp);
	/* What cannot be looked at is not an empty mbox. */
	if (list->stamp.file.inode == 0)
		return error_set(error, ERROR_TEMPORARY, "the mbox cannot be looked at, or was replaced");
	if (mbox_scan(m->file, 0, list->stamp.size, list, error) != 0) {
		mbox_list_free(list);
		return -1;
	}
	if (mbox_list_complete(list) != 0) {
		mbox_list_free(list);
		return error_set(error, ERROR_TEMPORARY, "no memory for the messages");
	}
	return 0;
}

int
mbox_file_settle(struct mbox *m, struct mbox_list *list, struct error *error)
{
	for (int tries = 0; tries < SETTLE_TRIES; tries++) {
		int result = mbox_read_anew(m, list, error);

		if (result != 0 || list->journal.end == 0)
			return result;
		LOG(LOG_LEVEL_WARNING, "removal-settled", LOG_TEXT("mbox", m->path),
		    LOG_TEXT("how", list->journal.certain ? "finished" : "undone"));
		result = mbox_journal_settle(m->file, &list->journal, error);
		mbox_list_free(list);
		if (result != 0)
			return result;
	}
	return error_set(error, ERROR_TEMPORARY, "the mbox has too many journals");
}

static bool
is_same_list(const struct mbox_list *list, const struct mbox_list *anew)
{
	return mbox_stamp_same(&list->stamp, &anew->stamp) && anew->journal.end == 0 &&
	    anew->count == list->count && anew->octets == list->octets;
}

static int
list_read_again(struct mbox *m, bool locked, struct mbox_list *anew, struct error *error)
{
	struct mbox_lock lock;
	int result;

	if (!locked && mbox_file_lock(m, &lock, MBOX_LOCK_READ, error) != 0)
		return -1;
	result = mbox_read_anew(m, anew, error);
	if (!locked)
		mbox_lock_drop(&lock);
	return result;
}

int
mbox_entry_check(struct mbox *m, size_t index, bool locked, struct error *error)
{
	struct mbox_list anew = { 0 };
	struct index_place place;
	struct error problem;

	if (mbox_entry_is_sound(&m->list, index))
		return 0;
	error_set(error, ERROR_TEMPORARY, "the index is damaged");
	if (m->damaged)
		return -1;
	m->damaged = true;
	mbox_index_locate(&place, m->path, m->index_directory);
	index_tell_ignored(&place, error);
	index_place_remove(&place);
	if (list_read_again(m, locked, &anew, &problem) != 0)
		return -1;
	if (!is_same_list(&m->list, &anew)) {
		mbox_list_free(&anew);
		return -1;
	}
	m->spoiled = m->list;
	m->list = anew;
	m->news = true;
	return 0;
}

static int
find_anew(struct mbox *m, struct error *error)
{
	size_t *map = calloc(m->list.count + 1, sizeof(*map));
	struct mbox_list moved;

	if (map == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the messages");
	if (mbox_read_anew(m, &moved, error) != 0) {
		free(map);
		return -1;
	}
	if (moved.journal.end != 0 || mbox_list_map(&m->list, &moved, map) != 0) {
		mbox_list_free(&moved);
		free(map);
		return error_set(error, ERROR_TEMPORARY, "cannot find the messages again");
	}
	mbox_list_free(&m->moved);
	free(m->map);
	m->moved = moved;
	m->map = map;
	return 0;
}

/* 1: the text at the place where it was last seen is that message's. */
static int
find_in_place(struct mbox *m, size_t index, struct error *error)
{
	const struct mbox_entry *entry = &m->list.entries[index];
	int found;

	if (m->map != NULL) {
		if (m->map[index] >= MBOX_DOUBTFUL)
			return 0;
		entry = &m->moved.entries[m->map[index]];
	}
	found = mbox_scan_one(m->file, entry->from, m->current_stamp.size, &m->current, error);
	return found > 0 ? mbox_entry_same_text(&m->current, entry) : found;
}

int
mbox_find(struct mbox *m, size_t index, struct error *error)
{
	int found;

	m->current_index = SIZE_MAX;
	m->cursor = (struct mbox_cursor){ 0 };
	mbox_file_stamp(m, &m->current_stamp);
	found = find_in_place(m, index, error);
	if (found < 0)
		return -1;
	if (found == 0) {
		/* Once read, an unchanged file need not be read again to know what is not in it. */
		if (m->map == NULL || !m->moved.stamp.file.settled ||
		    !mbox_stamp_same(&m->moved.stamp, &m->current_stamp))
			if (find_anew(m, error) != 0)
				return -1;
		if (m->map[index] == MBOX_GONE)
			return error_set(error, ERROR_GONE, "the message was removed by another program");
		if (m->map[index] == MBOX_DOUBTFUL)
			return error_set(error, ERROR_TEMPORARY,
			    "another program removed one of several equal messages");
		m->current = m->moved.entries[m->map[index]];
		m->current_stamp = m->moved.stamp;
	}
	m->current_index = index;
	return 0;
}
