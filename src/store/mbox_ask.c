/* See mbox_ask.h. */

#include "store/mbox_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/mbox_target.h"

_Static_assert(MBOX_NAME_SIZE == MBOX_DIGEST_SIZE, "a name is the digest");

/* What is appended begins there, or behind the line ends that were missing. */
#define GAP_MAX 2

/* Does a message begin where the mbox ended, so that all before it lies as it did? */
static bool
is_as_it_was(const struct mbox_list *list, uint64_t size, uint64_t size_before)
{
	if (size <= size_before)
		return size == size_before;
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].from >= size_before && list->entries[i].from <= size_before + GAP_MAX)
			return true;
	return false;
}

static enum mbox_answer
list_look(const struct mbox_list *list, const char *digest, uint64_t size, uint64_t size_before)
{
	bool as_it_was = is_as_it_was(list, size, size_before);

	for (size_t i = 0; i < list->count; i++) {
		const struct mbox_entry *entry = &list->entries[i];

		if ((!as_it_was || entry->from >= size_before) &&
		    memcmp(entry->uidl, digest, MBOX_DIGEST_SIZE) == 0)
			return MBOX_ARRIVED;
	}
	return as_it_was ? MBOX_NOT_ARRIVED : MBOX_REWRITTEN;
}

static int
target_ask(struct mbox_target *t, const char *digest, uint64_t size_before, enum mbox_answer *answer,
    struct error *error)
{
	struct mbox_list list;

	if (mbox_target_lock(t, error) != 0 || mbox_read_anew(&t->mbox, &list, error) != 0)
		return -1;
	*answer = list_look(&list, digest, t->size, size_before);
	mbox_list_free(&list);
	if (*answer != MBOX_ARRIVED)
		return 0;
	if (append_sync(t->mbox.file) != 0)
		return error_errno(error, append_errno_kind(), "cannot sync the mbox %.150s", t->mbox.path);
	/* Who made it may have been killed before the directory was synced. */
	return mbox_target_sync_directory(t, error);
}

int
mbox_ask(const char *path, const char *digest, uint64_t size_before, enum mbox_answer *answer,
    struct error *error)
{
	struct delivery none = { .place = path };
	struct mbox_target t;
	struct stat status;
	int result;

	if (lstat(path, &status) != 0 && errno == ENOENT) {
		*answer = size_before == 0 ? MBOX_NOT_ARRIVED : MBOX_REWRITTEN;
		return 0;
	}
	result = mbox_target_begin(&t, path, &none, error);
	if (result == 0)
		result = target_ask(&t, digest, size_before, answer, error);
	mbox_target_end(&t);
	return result;
}
