/* A Maildir as a store: see maildir.h for what is promised, maildir_scan.h for the listing. */

#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/index.h"
#include "store/maildir_append.h"
#include "store/maildir_file.h"
#include "store/maildir_learn.h"
#include "store/maildir_list.h"
#include "store/maildir_quota.h"
#include "store/maildir_reader.h"
#include "store/maildir_scan.h"
#include "store/session_lock.h"

struct maildir {
	struct store store;	/* first: the two share their address */
	int directory;		/* the Maildir itself; holds the lock. -1: it does not exist */
	int gate;		/* kept open while the index is written; or -1 */
	struct index_list list;
	struct maildir_reader reader;
	struct index_list spoiled;	/* the index that was in use and was damaged: what it lent is out */
	bool damaged;		/* that was tried to be made good */
	int index_directory;		/* as in store_open_with() */
	uint8_t maildrop[INDEX_MAILDROP_SIZE];	/* for that directory */
	bool news;		/* the list holds what the index file does not */
	bool *removed;		/* by index; NULL: none */
	struct lesson *lessons;	/* by index; NULL: none */
};

/* What sending a message has taught about it, beyond what the snapshot says. */
struct lesson {
	uint64_t size;
	uint16_t stamp;
	uint8_t flags;		/* enum index_flag; 0: nothing */
};

static struct maildir *
maildir_of(struct store *store)
{
	return (struct maildir *)store;
}

/* A Maildir that is missing while its parent is there belongs to a user who never had mail. */
static int
directory_missing(const char *path, struct error *error)
{
	char parent[PLACE_SIZE];
	struct stat status;

	maildir_parent(parent, path);
	if (stat(parent, &status) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot open %.120s", parent);
	return 0;
}

static int
directory_open(struct maildir *m, const char *path, struct error *error)
{
	if (path[0] == '\0')
		return error_set(error, ERROR_PERMANENT, "the place names no directory");
	m->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->directory < 0 && errno == ENOENT)
		return directory_missing(path, error);
	if (m->directory < 0)
		return error_errno(error, errno == EACCES || errno == ENOTDIR ? ERROR_PERMANENT
		                                                              : ERROR_TEMPORARY,
		    "cannot open the Maildir %.120s", path);
	if (session_lock(m->directory, m->directory, MAILDIR_GATE) != 0) {
		if (errno == EWOULDBLOCK)
			return error_set(error, ERROR_BUSY, "another session has the maildrop open");
		return error_errno(error, ERROR_TEMPORARY, "cannot lock the Maildir %.120s", path);
	}
	return 0;
}

static void
index_locate(const struct maildir *m, struct index_place *place)
{
	maildir_index_locate(place, m->directory, m->index_directory, m->maildrop);
}

static int
list_make(struct maildir *m, const char *path, struct error *error)
{
	struct index_place place;

	if (m->index_directory >= 0)
		index_maildrop_digest(m->maildrop, maildir_ops.scheme, path);
	index_locate(m, &place);
	return maildir_list_make(m->directory, &place, &m->list, &m->news, error);
}

/* A list of its own with what was found out; the session's has to hold still. */
static int
list_correct(const struct maildir *m, struct index_list *corrected)
{
	*corrected = (struct index_list){ 0 };
	memcpy(corrected->stamps, m->list.stamps, sizeof(corrected->stamps));
	for (size_t i = 0; i < m->list.count; i++) {
		const struct index_entry *entry = &m->list.entries[i];

		if (!index_entry_sound(&m->list, i) ||
		    index_append(corrected, entry, index_base(&m->list, entry), entry->base_size,
		        index_flags(&m->list, entry), index_own_uidl(&m->list, entry)) != 0)
			return -1;
		if (m->lessons[i].flags == 0)
			continue;
		corrected->grown[i].wire_size = m->lessons[i].size;
		corrected->grown[i].flags &= (uint8_t)~INDEX_WIRE_FORM;
		corrected->grown[i].flags |= m->lessons[i].flags;
		corrected->grown[i].stamp = m->lessons[i].stamp;
	}
	return 0;
}

/* What was learnt is written down, without what was removed. It is a cache: a failure is only logged. */
static void
list_remember(struct maildir *m)
{
	const struct index_list *list = &m->list;
	struct index_list corrected = { 0 };
	struct index_place place;
	struct error error;

	(void)index_map(&m->list);
	if (m->lessons != NULL && list_correct(m, &corrected) == 0)
		list = &corrected;
	index_locate(m, &place);
	if (index_write(list, m->removed, &place, &error) != 0)
		index_tell_not_written(&error);
	index_free(&corrected);
}

static bool
has_news(const struct maildir *m)
{
	return m->directory >= 0 && (m->news || m->removed != NULL || m->lessons != NULL) &&
	    (m->list.stamps[MAILDIR_NEW].inode != 0 || m->list.stamps[MAILDIR_CUR].inode != 0);
}

/*
 * The index is written behind the lock. Whoever learns in between would not know what this session has,
 * so not before that: of two files with one unique part the index alone knows which UIDLs were told.
 */
static void
lock_give_up(struct maildir *m)
{
	if (m->gate < 0)
		m->gate = gate_keep_open(m->directory, MAILDIR_GATE);
	flock(m->directory, LOCK_UN);
}

/* The session is over but for its answer: let the next one in. */
static void
maildir_release(struct store *store)
{
	struct maildir *m = maildir_of(store);

	if (has_news(m)) {
		lock_give_up(m);
	} else if (m->directory >= 0) {
		close(m->directory);
		m->directory = -1;
	}
}

static void
maildir_close(struct store *store)
{
	struct maildir *m = maildir_of(store);

	maildir_reader_end(&m->reader);
	if (has_news(m)) {
		lock_give_up(m);
		list_remember(m);
	}
	if (m->gate >= 0)
		close(m->gate);
	if (m->directory >= 0)
		close(m->directory);
	index_free(&m->list);
	index_free(&m->spoiled);
	free(m->removed);
	free(m->lessons);
	free(m);
}

static int
maildir_open(struct store **store, const char *path, int index_directory, struct error *error)
{
	struct maildir *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a maildrop");
	m->store.ops = &maildir_ops;
	m->directory = m->gate = -1;
	m->index_directory = index_directory;
	maildir_reader_begin(&m->reader, &m->directory, &m->list);
	if (directory_open(m, path, error) != 0 ||
	    (m->directory >= 0 && list_make(m, path, error) != 0)) {
		maildir_close(&m->store);
		return -1;
	}
	m->store.count = m->list.count;
	m->store.octets = m->list.octets;
	*store = &m->store;
	return 0;
}

/* The index was damaged behind its header: do without it, or the session has to end. */
static int
list_damaged(struct maildir *m, struct error *error)
{
	struct index_place place;
	struct index_list anew;

	error_set(error, ERROR_TEMPORARY, "the index is damaged");
	if (m->damaged)
		return -1;
	m->damaged = true;
	index_locate(m, &place);
	index_tell_ignored(&place, error);
	index_place_remove(&place);
	m->news = false;
	if (maildir_list_again(m->directory, &m->list, &anew) != 0)
		return -1;
	m->spoiled = m->list;
	m->list = anew;
	m->news = true;
	return 0;
}

static bool
entry_is_sound(struct maildir *m, size_t index)
{
	return index_map(&m->list) && index_entry_sound(&m->list, index);
}

static int
entry_check(struct maildir *m, size_t index, struct error *error)
{
	return entry_is_sound(m, index) ? 0 : list_damaged(m, error);
}

/*
 * The next session reads the directories: this one met something that need not show in their times,
 * after a crash on a file system that does not keep the two together.
 */
static void
list_doubt(struct maildir *m)
{
	m->list.stamps[MAILDIR_NEW].settled = m->list.stamps[MAILDIR_CUR].settled = false;
	m->news = true;
}

static int
maildir_message(struct store *store, size_t index, struct message *message, struct error *error)
{
	struct maildir *m = maildir_of(store);
	const struct index_entry *entry;

	if (entry_check(m, index, error) != 0)
		return -1;
	entry = &m->list.entries[index];
	message->size = entry->wire_size;
	message->uidl = index_uidl(&m->list, entry, &message->uidl_size);
	return 0;
}

static ssize_t
maildir_read(struct store *store, size_t index, uint64_t offset, void *buffer, size_t size,
    struct error *error)
{
	struct maildir *m = maildir_of(store);
	ssize_t n;

	if (entry_check(m, index, error) != 0)
		return -1;
	n = maildir_reader_read(&m->reader, index, offset, buffer, size, error);
	if (n < 0 && error->kind == ERROR_GONE)
		list_doubt(m);
	return n;
}

static int
maildir_message_file(struct store *store, size_t index)
{
	struct maildir *m = maildir_of(store);

	return entry_is_sound(m, index) ? maildir_reader_file(&m->reader, index) : -1;
}

static void
maildir_ahead(struct store *store, size_t index)
{
	struct maildir *m = maildir_of(store);

	if (entry_is_sound(m, index))
		maildir_reader_ahead(&m->reader, index);
}

/*
 * A name may lie about its size (,W=) and does not tell the form, and a file may have been changed
 * since it was counted.
 */
static void
maildir_sent(struct store *store, size_t index, uint64_t size, bool in_wire_form)
{
	struct maildir *m = maildir_of(store);
	const struct index_entry *entry = &m->list.entries[index];
	struct lesson lesson = { .size = size, .flags = INDEX_SIZED | INDEX_COUNTED };

	if (in_wire_form)
		lesson.stamp = maildir_reader_stamp(&m->reader, index);
	if (lesson.stamp != 0)
		lesson.flags |= INDEX_WIRE_FORM;
	if (entry->wire_size != size)
		LOG(LOG_LEVEL_WARNING, "size-corrected",
		    LOG_TEXT("message", index_base(&m->list, entry)),
		    LOG_NUMBER("told", entry->wire_size), LOG_NUMBER("counted", size));
	else if ((lesson.flags & INDEX_WIRE_FORM) == 0 ||
	    ((entry->flags & INDEX_WIRE_FORM) != 0 && entry->stamp == lesson.stamp))
		return;		/* nothing new */
	if (m->lessons == NULL)
		m->lessons = calloc(m->list.count, sizeof(*m->lessons));
	if (m->lessons != NULL)
		m->lessons[index] = lesson;
}

static int
directory_sync(const struct maildir *m, enum maildir_directory which, struct error *error)
{
	int directory = openat(m->directory, maildir_directory_names[which],
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (directory < 0)
		return errno == ENOENT ? 0
		                       : error_errno(error, ERROR_TEMPORARY, "cannot open %s",
		                             maildir_directory_names[which]);
	result = fsync(directory);
	if (result != 0)
		error_errno(error, ERROR_TEMPORARY, "cannot sync the directory %s",
		    maildir_directory_names[which]);
	close(directory);
	return result;
}

/* Removes one message, if it can be told, and remembers that it went. */
static int
message_remove(struct maildir *m, size_t index, struct maildir_quota_change *change,
    struct error *error)
{
	const struct index_entry *entry;
	uint64_t size;

	if (!entry_is_sound(m, index))
		return error_set(error, ERROR_TEMPORARY, "the index is damaged");
	entry = &m->list.entries[index];
	size = maildir_quota_size(change, m->directory, &m->list, entry);
	if (maildir_file_remove(m->directory, &m->list, entry, error) != 0)
		return -1;
	change->octets -= (int64_t)size;
	change->messages--;
	if (m->removed != NULL)
		m->removed[index] = true;
	return 0;
}

static int
maildir_remove(struct store *store, const bool marked[], struct error *error)
{
	struct maildir *m = maildir_of(store);
	struct maildir_quota_change change;
	bool touched = false;
	int result = 0;

	/* While the directories are as they were, damage can be made good. */
	for (size_t i = 0; i < m->list.count; i++)
		if (marked[i])
			(void)entry_check(m, i, error);
	m->removed = calloc(m->list.count + 1, sizeof(*m->removed));
	maildir_quota_change_begin(&change, m->directory);
	for (size_t i = 0; i < m->list.count; i++) {
		struct error problem;

		if (!marked[i])
			continue;
		touched = true;
		if (message_remove(m, i, &change, &problem) != 0) {
			*error = problem;
			result = -1;
		}
	}
	maildir_quota_change_end(&change);
	/* A file may have moved from new/ to cur/ before it was removed: both hold the news. */
	for (int which = MAILDIR_NEW; which <= MAILDIR_CUR && touched; which++)
		if (directory_sync(m, (enum maildir_directory)which, error) != 0) {
			/* What is removed now may be there again after a crash, and its times with it. */
			list_doubt(m);
			result = -1;
		}
	return result;
}

const struct store_ops maildir_ops = {
	.scheme = "maildir",
	.open = maildir_open,
	.message = maildir_message,
	.read = maildir_read,
	.file = maildir_message_file,
	.ahead = maildir_ahead,
	.sent = maildir_sent,
	.remove = maildir_remove,
	.release = maildir_release,
	.close = maildir_close,
	.learn = maildir_learn,
	.append = &maildir_append_ops,
};
