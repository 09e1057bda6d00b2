/* An mbox as a store: see mbox.h for what is promised. */

#include "store/mbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "store/mbox_append.h"
#include "store/mbox_file.h"
#include "store/mbox_learn.h"
#include "store/mbox_load.h"
#include "store/mbox_remove.h"

static struct mbox *
mbox_of(struct store *store)
{
	return (struct mbox *)store;
}

/* The session is over but for its answer: let the next one in. */
static void
mbox_release(struct store *store)
{
	struct mbox *m = mbox_of(store);

	if (m->file >= 0)
		flock(m->file, LOCK_UN);
}

static void
mbox_close(struct store *store)
{
	struct mbox *m = mbox_of(store);

	mbox_release(store);
	if (m->left.stamp.file.inode != 0)
		mbox_remember(m, &m->left);
	else if (m->news && m->file >= 0 && m->map == NULL)
		mbox_remember(m, &m->list);
	if (m->file >= 0)
		close(m->file);
	mbox_list_free(&m->list);
	mbox_list_free(&m->spoiled);
	mbox_list_free(&m->moved);
	mbox_list_free(&m->left);
	free(m->map);
	free(m->path);
	free(m);
}

static int
mbox_open(struct store **store, const char *path, int index_directory, struct error *error)
{
	struct mbox *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a maildrop");
	m->store.ops = &mbox_ops;
	m->file = -1;
	m->index_directory = index_directory;
	m->current_index = SIZE_MAX;
	m->path = strdup(path);
	if (m->path == NULL || mbox_load(m, error) != 0) {
		if (m->path == NULL)
			error_set(error, ERROR_TEMPORARY, "no memory for a maildrop");
		m->news = false;
		mbox_close(&m->store);
		return -1;
	}
	m->store.count = m->list.count;
	m->store.octets = m->list.octets;
	*store = &m->store;
	return 0;
}

static int
mbox_message(struct store *store, size_t index, struct message *message, struct error *error)
{
	struct mbox *m = mbox_of(store);
	const struct mbox_entry *entry;

	if (mbox_entry_check(m, index, false, error) != 0)
		return -1;
	entry = &m->list.entries[index];
	message->size = entry->wire_size;
	message->uidl = entry->uidl;
	message->uidl_size = entry->uidl_size;
	return 0;
}

/* Was the message seen when the file looked as it did when the list was made? */
static void
current_from_list(struct mbox *m, size_t index)
{
	if (m->current_index == index || !m->list.stamp.file.settled || index < m->list.seen_from)
		return;
	m->current = m->list.entries[index];
	m->current_index = index;
	m->current_stamp = m->list.stamp;
	m->cursor = (struct mbox_cursor){ 0 };
}

static ssize_t
read_locked(struct mbox *m, size_t index, uint64_t offset, void *buffer, size_t size,
    struct error *error)
{
	struct mbox_lock lock;
	ssize_t n = -1;

	if (mbox_file_lock(m, &lock, MBOX_LOCK_READ, error) != 0)
		return -1;
	if (mbox_find(m, index, error) == 0)
		n = mbox_text_read(m->file, &m->current, &m->cursor, offset, buffer, size, error);
	mbox_lock_drop(&lock);
	return n;
}

static ssize_t
mbox_read(struct store *store, size_t index, uint64_t offset, void *buffer, size_t size,
    struct error *error)
{
	struct mbox *m = mbox_of(store);

	if (mbox_entry_check(m, index, false, error) != 0)
		return -1;
	current_from_list(m, index);
	if (m->current_index == index && m->current_stamp.file.settled) {
		struct mbox_stamp now;
		ssize_t n = mbox_text_read(m->file, &m->current, &m->cursor, offset, buffer, size, error);

		/* Looked at afterwards: what was read is of the file as it looked before. */
		mbox_file_stamp(m, &now);
		if (mbox_stamp_same(&m->current_stamp, &now))
			return n;
	}
	return read_locked(m, index, offset, buffer, size, error);
}

/* Sizes are counted from the text itself; another one means another text, which is never sent. */
static void
mbox_sent(struct store *store, size_t index, uint64_t size, bool in_wire_form)
{
	struct mbox *m = mbox_of(store);

	(void)in_wire_form;
	if (m->list.entries[index].wire_size != size)
		LOG(LOG_LEVEL_WARNING, "size-differs", LOG_NUMBER("message", index + 1),
		    LOG_NUMBER("told", m->list.entries[index].wire_size), LOG_NUMBER("sent", size));
}

static int
mbox_remove(struct store *store, const bool marked[], struct error *error)
{
	return mbox_remove_marked(mbox_of(store), marked, error);
}

const struct store_ops mbox_ops = {
	.scheme = "mbox",
	.is_file = true,
	.open = mbox_open,
	.message = mbox_message,
	.read = mbox_read,
	.sent = mbox_sent,
	.remove = mbox_remove,
	.release = mbox_release,
	.close = mbox_close,
	.learn = mbox_learn,
	.append = &mbox_append_ops,
};
