/* See mbox_append.h. */

#include "store/mbox_append.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

#include "store/mbox_index.h"
#include "store/mbox_target.h"

struct mbox_append {
	struct append append;	/* first: the two share their address */
	const struct delivery *delivery;
	struct mbox_spool *spool;	/* of one that came in pieces, in place of its message; NULL otherwise */
	const char *path;
	bool tried;		/* with others of the same mbox */
};

static struct mbox_append *
mbox_append_of(struct append *append)
{
	return (struct mbox_append *)append;
}

/* Those for the same mbox, from the first on, that are still to be tried. */
static struct mbox_append *
next_of(struct mbox_append *first, struct append *at)
{
	for (; at != NULL; at = at->next) {
		struct mbox_append *a = mbox_append_of(at);

		if (!a->tried && strcmp(a->path, first->path) == 0)
			return a;
	}
	return NULL;
}

static void
failure_enter(struct mbox_append *a, const struct error *error)
{
	a->append.result = -1;
	a->append.error = *error;
}

/*
 * What all of them come to at most: of six octets that are "From " and a line end quoting makes
 * seven. A message that grows meanwhile finds no room.
 */
static uint64_t
room_for(struct mbox_append *first)
{
	uint64_t room = 0;

	for (struct mbox_append *a = first; a != NULL; a = next_of(first, a->append.next)) {
		uint64_t size = a->spool == NULL ? a->delivery->head_size : 0;
		struct stat status = { .st_size = 0 };

		if (a->spool == NULL && a->delivery->text != NULL)
			size += a->delivery->message_size;
		else if (fstat(a->spool != NULL ? a->spool->file : a->delivery->message, &status) == 0)
			size += (uint64_t)status.st_size;
		else
			continue;
		room += size + size / 5 + MBOX_SENDER_MAX + 80;
	}
	return room;
}

static int
message_write(struct mbox_target *t, const struct mbox_append *a, struct error *error)
{
	return a->spool != NULL ? mbox_target_write_spool(t, a->spool, a->delivery->sender, error)
	                        : mbox_target_write(t, a->delivery, error);
}

/* Writes all; each that fails is cut off, so that the next one stands in its place. */
static void
target_fill(struct mbox_target *t, struct mbox_append *first)
{
	struct error error;
	bool is_clean = true;

	for (struct mbox_append *a = first; a != NULL; a = next_of(first, a->append.next)) {
		if (!is_clean)
			failure_enter(a, &error);
		else if (message_write(t, a, &a->append.error) != 0) {
			a->append.result = -1;
			is_clean = mbox_target_cut(t, &error) == 0;
		}
	}
}

static void
mbox_commit(struct mbox_append *first)
{
	struct mbox_target target;
	struct error error;
	int result = mbox_target_begin(&target, first->path, first->delivery, &error);

	if (result == 0)
		result = mbox_target_lock(&target, &error);
	/* Before it holds anything: who finds something in it need not ask whether its name is durable. */
	if (result == 0 && target.was_empty)
		result = mbox_target_sync_directory(&target, &error);
	if (result == 0) {
		uint64_t size = target.size;

		result = mbox_target_guard(&target, room_for(first), &error);
		if (result == 0) {
			target_fill(&target, first);
			result = mbox_target_sync(&target, &error);
		}
		target.size = size;
		if (result != 0 && mbox_target_cut(&target, &(struct error){ .kind = ERROR_NONE }) == 0)
			append_sync(target.mbox.file);
	}
	mbox_target_end(&target);
	for (struct mbox_append *a = first; a != NULL; a = next_of(first, a->append.next)) {
		a->tried = true;
		a->append.is_alone = target.was_empty || target.was_quiet;
		if (result != 0)
			failure_enter(a, &error);
	}
}

static void
mbox_append_commit(struct append *first)
{
	for (struct append *at = first; at != NULL; at = at->next)
		at->result = 0;
	for (struct append *at = first; at != NULL; at = at->next)
		if (!mbox_append_of(at)->tried)
			mbox_commit(mbox_append_of(at));
}

/* Of the index, where that is of the file as it is, or by reading the file. */
static int
messages_count(struct mbox_target *t, int index_directory, uint64_t *count, struct error *error)
{
	struct mbox_list list = { 0 };
	struct index_place place;
	struct mbox_stamp now;
	struct error problem;

	mbox_file_stamp(&t->mbox, &now);
	mbox_index_locate(&place, t->mbox.path, index_directory);
	if (mbox_index_read(&list, &place, t->mbox.file, &now, &problem) != MBOX_INDEX_WHOLE) {
		mbox_list_free(&list);
		list = (struct mbox_list){ 0 };
		if (mbox_read_anew(&t->mbox, &list, error) != 0)
			return -1;
	}
	*count = list.count;
	mbox_list_free(&list);
	return 0;
}

/* What is there, if there is something. */
static int
usage_find(struct mbox_target *t, const struct delivery *delivery, uint64_t *count, struct error *error)
{
	struct stat status;

	*count = 0;
	if (lstat(t->mbox.path, &status) != 0 && errno == ENOENT)
		return 0;
	if (mbox_target_lock(t, error) != 0)
		return -1;
	return delivery->quota.messages != 0 ? messages_count(t, delivery->index_directory, count, error) : 0;
}

/* What it will take. */
static int
text_weigh(const struct mbox_append *a, struct mbox_target *t, uint64_t *size, struct error *error)
{
	if (a->spool != NULL) {
		*size = a->spool->end - a->spool->begin;
		return 0;
	}
	mbox_quote_begin(t->quote, -1, 0);
	if (mbox_target_quote(t, error) != 0)
		return -1;
	*size = t->quote->offset;
	return 0;
}

static int
quota_check(struct mbox_append *a, struct error *error)
{
	const struct delivery *delivery = a->delivery;
	struct mbox_target t;
	uint64_t count, size;
	int result;

	if (delivery->quota.octets == 0 && delivery->quota.messages == 0)
		return 0;
	result = mbox_target_begin(&t, a->path, delivery, error);
	if (result == 0)
		result = text_weigh(a, &t, &size, error);
	if (result == 0)
		result = usage_find(&t, delivery, &count, error);
	if (result == 0)
		result = append_quota_check(&a->append, &delivery->quota, t.size, count, size, error);
	mbox_target_end(&t);
	return result;
}

static void
mbox_append_end(struct append *append)
{
	mbox_spool_free(mbox_append_of(append)->spool);
	free(append);
}

static struct mbox_append *
mbox_append_new(const char *path, const struct delivery *delivery, struct error *error)
{
	struct mbox_append *a;

	if (path[0] == '\0' || path[strlen(path) - 1] == '/') {
		error_set(error, ERROR_PERMANENT, "the place names no file");
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		error_set(error, ERROR_TEMPORARY, "no memory for a delivery");
		return NULL;
	}
	a->append.ops = &mbox_append_ops;
	a->append.meeting = XXH3_64bits(path, strlen(path));
	a->delivery = delivery;
	a->path = path;
	return a;
}

static int
mbox_append_begin(struct append **append, const char *path, const struct delivery *delivery,
    struct error *error)
{
	struct mbox_append *a = mbox_append_new(path, delivery, error);

	if (a == NULL)
		return -1;
	if (quota_check(a, error) != 0) {
		mbox_append_end(&a->append);
		return -1;
	}
	*append = &a->append;
	return 0;
}

static int
mbox_append_start(struct append **append, const char *path, const struct delivery *delivery,
    struct error *error)
{
	struct mbox_append *a = mbox_append_new(path, delivery, error);

	if (a == NULL)
		return -1;
	a->spool = mbox_spool_new(error);
	if (a->spool == NULL || mbox_spool_put(a->spool, delivery->head, delivery->head_size, error) != 0) {
		mbox_append_end(&a->append);
		return -1;
	}
	*append = &a->append;
	return 0;
}

static int
mbox_append_put(struct append *append, const char *piece, size_t size, struct error *error)
{
	return mbox_spool_put(mbox_append_of(append)->spool, piece, size, error);
}

static int
mbox_append_finish(struct append *append, struct error *error)
{
	struct mbox_append *a = mbox_append_of(append);

	return mbox_spool_end(a->spool, error) == 0 ? quota_check(a, error) : -1;
}

static const char *
mbox_append_name(const struct append *append)
{
	const struct mbox_append *a = (const struct mbox_append *)append;

	return a->spool != NULL ? a->spool->digest : NULL;
}

const struct append_ops mbox_append_ops = {
	.begin = mbox_append_begin,
	.start = mbox_append_start,
	.put = mbox_append_put,
	.finish = mbox_append_finish,
	.name = mbox_append_name,
	.commit = mbox_append_commit,
	.end = mbox_append_end,
};
