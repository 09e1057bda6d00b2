/* See mbox_load.h. */

#include "store/mbox_load.h"

#include <string.h>

#include "store/mbox_index.h"
#include "store/mbox_scan.h"

static bool
is_whole(const struct mbox_list *known, struct error *problem)
{
	for (size_t i = 0; i < known->count; i++)
		if (!mbox_entry_is_sound(known, i)) {
			error_set(problem, ERROR_TEMPORARY, "a part of the index is damaged");
			return false;
		}
	return true;
}

/* Copies all but the last message, which mail that was appended may have made longer. */
static int
beginning_copy(struct mbox_list *list, const struct mbox_list *known)
{
	for (size_t i = 0; i + 1 < known->count; i++)
		if (mbox_list_append(list, &known->entries[i]) != 0)
			return -1;
	return 0;
}

static bool
is_too_much(const struct mbox *m, uint64_t octets)
{
	return m->learns && octets > STORE_LEARN_OCTETS_MAX;
}

/* 0: the list has grown by what was appended. -1: read all anew. */
static int
list_extend(struct mbox *m, const struct mbox_list *known, struct error *problem)
{
	struct mbox_list list = { 0 };
	struct error error;
	uint64_t from;

	if (known->count == 0 || (m->learns && known->count > STORE_LEARN_COUNT_MAX) ||
	    !is_whole(known, problem))
		return -1;
	from = known->entries[known->count - 1].from;
	mbox_file_stamp(m, &list.stamp);
	if (from > list.stamp.size || is_too_much(m, list.stamp.size - from) ||
	    beginning_copy(&list, known) != 0 ||
	    mbox_scan(m->file, from, list.stamp.size, &list, &error) != 0 ||
	    list.count < known->count || list.entries[known->count - 1].from != from ||
	    mbox_list_complete(&list) != 0) {
		mbox_list_free(&list);
		return -1;
	}
	list.seen_from = known->count - 1;
	m->list = list;
	return 0;
}

static int
list_make(struct mbox *m, struct error *error)
{
	struct mbox_list known = { 0 };
	struct index_place place;
	struct mbox_stamp now;
	struct error problem;
	int result = -1;

	mbox_file_stamp(m, &now);
	mbox_index_locate(&place, m->path, m->index_directory);
	switch (mbox_index_read(&known, &place, m->file, &now, &problem)) {
	case MBOX_INDEX_WHOLE:
		m->list = known;
		return 0;
	case MBOX_INDEX_BEGINNING:
		result = list_extend(m, &known, &problem);
		mbox_list_free(&known);
		break;
	case MBOX_INDEX_NONE:
		break;
	}
	if (problem.text[0] != '\0')
		index_tell_ignored(&place, &problem);
	if (result != 0 && is_too_much(m, now.size))
		return error_set(error, ERROR_TEMPORARY, "too much would have to be read");
	m->news = true;
	return result == 0 ? 0 : mbox_read_anew(m, &m->list, error);
}

static int
list_make_locked(struct mbox *m, struct error *error)
{
	struct mbox_lock lock;
	int result;

	if (mbox_file_lock(m, &lock, MBOX_LOCK_READ, error) != 0)
		return -1;
	result = list_make(m, error);
	mbox_lock_drop(&lock);
	return result;
}

/* What an interrupted removal left is finished, or undone, before anything is handed out. */
static int
journal_settle(struct mbox *m, struct error *error)
{
	struct mbox_lock lock;
	int result;

	if (mbox_file_lock(m, &lock, MBOX_LOCK_WRITE, error) != 0)
		return -1;
	mbox_list_free(&m->list);
	result = mbox_file_settle(m, &m->list, error);
	mbox_lock_drop(&lock);
	return result;
}

int
mbox_load(struct mbox *m, struct error *error)
{
	if (m->path[0] == '\0' || m->path[strlen(m->path) - 1] == '/')
		return error_set(error, ERROR_PERMANENT, "the place names no file");
	if (mbox_file_open(m, error) != 0)
		return -1;
	if (m->file < 0)
		return 0;
	if (list_make_locked(m, error) != 0)
		return -1;
	if (m->list.journal.end == 0)
		return 0;
	if (m->learns)
		return error_set(error, ERROR_TEMPORARY, "a removal was not finished");
	return journal_settle(m, error);
}

int
mbox_remember(struct mbox *m, const struct mbox_list *list)
{
	struct index_place place;
	struct error error;

	mbox_index_locate(&place, m->path, m->index_directory);
	if (mbox_index_write(list, &place, &error) == 0)
		return 0;
	index_tell_not_written(&error);
	return -1;
}
