/* A Maildir as a store: see maildir.h for what is promised, maildir_scan.h for the listing. */

#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "store/index.h"
#include "store/maildir_file.h"
#include "store/maildir_name.h"
#include "store/maildir_reader.h"
#include "store/maildir_scan.h"
#include "store/maildir_uidl.h"

struct maildir {
	struct store store;	/* first: the two share their address */
	int directory;		/* the Maildir itself; holds the lock. -1: it does not exist */
	struct index_list list;
	struct maildir_reader reader;
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
	size_t size = strnlen(path, PLACE_SIZE - 1);
	char parent[PLACE_SIZE];
	struct stat status;

	while (size > 1 && path[size - 1] == '/')
		size--;
	while (size > 1 && path[size - 1] != '/')
		size--;
	snprintf(parent, sizeof(parent), "%.*s", (int)size, path[size - 1] == '/' ? path : ".");
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
	if (flock(m->directory, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return error_set(error, ERROR_BUSY, "another session has the maildrop open");
		return error_errno(error, ERROR_TEMPORARY, "cannot lock the Maildir %.120s", path);
	}
	return 0;
}

/* What is known already of the messages that are still there. Both lists have one order. */
static int
list_recall(struct index_list *list, const struct index_list *known)
{
	size_t k = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct index_entry *entry = &list->grown[i];
		const struct index_entry *old;

		while (k < known->count && index_entry_sound(known, k) &&
		    maildir_compare(known, &known->entries[k], list, entry) < 0)
			k++;
		if (k == known->count || !index_entry_sound(known, k))
			break;
		old = &known->entries[k];
		if (maildir_compare(known, old, list, entry) != 0 || old->inode != entry->inode)
			continue;
		if (old->flags & INDEX_SIZED) {
			entry->wire_size = old->wire_size;
			entry->flags |= old->flags & (INDEX_SIZED | INDEX_COUNTED | INDEX_WIRE_FORM);
			entry->stamp = old->stamp;
		}
		if (old->uidl_size > 0 && index_set_uidl(list, i, index_own_uidl(known, old)) != 0)
			return -1;
	}
	return 0;
}

/* Messages that vanished before they were counted have no number yet: they are left out. */
static void
gone_drop(struct index_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if ((list->grown[i].flags & INDEX_GONE) == 0)
			list->grown[kept++] = list->grown[i];
	list->count = kept;
}

/* Adds up; a size that is only estimated must be counted next time, so nothing is settled then. */
static void
list_complete(struct index_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		list->octets += list->entries[i].wire_size;
		if ((list->entries[i].flags & INDEX_SIZED) == 0)
			list->stamps[MAILDIR_NEW].settled = list->stamps[MAILDIR_CUR].settled = false;
	}
	index_shrink(list);
}

/* Reads what has changed since the index was written (known; NULL: there is none). */
static int
list_renew(struct maildir *m, const struct index_list *known, struct error *error)
{
	int counted;

	if (maildir_scan(m->directory, known, &m->list, error) != 0)
		return -1;
	if (known != NULL && list_recall(&m->list, known) != 0)
		return error_set(error, ERROR_TEMPORARY, "no memory for a list of messages");
	counted = maildir_files_count(m->directory, &m->list, error);
	gone_drop(&m->list);
	if (maildir_uidls_give(m->directory, &m->list, error) != 0)
		return -1;
	list_complete(&m->list);
	/* What was counted is remembered even if the rest has to wait. */
	m->news = true;
	return counted;
}

static int
list_make(struct maildir *m, struct error *error)
{
	struct index_list known;
	struct index_stamp stamps[2];
	struct error problem;
	int found, result;

	maildir_stamps(m->directory, stamps);
	found = index_read(&known, m->directory, stamps, &problem);
	if (found < 0)
		LOG(LOG_LEVEL_WARNING, "index-ignored", LOG_REASON(&problem));
	if (found <= 0)
		return list_renew(m, NULL, error);
	if (index_stamp_same(&known.stamps[MAILDIR_NEW], &stamps[MAILDIR_NEW]) &&
	    index_stamp_same(&known.stamps[MAILDIR_CUR], &stamps[MAILDIR_CUR])) {
		m->list = known;
		return 0;
	}
	result = list_renew(m, &known, error);
	index_free(&known);
	return result;
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
	struct error error;

	if (m->lessons != NULL && list_correct(m, &corrected) == 0)
		list = &corrected;
	if (index_write(list, m->removed, m->directory, &error) != 0)
		LOG(LOG_LEVEL_WARNING, "index-not-written", LOG_REASON(&error));
	index_free(&corrected);
}

static bool
has_news(const struct maildir *m)
{
	return m->directory >= 0 && (m->news || m->removed != NULL || m->lessons != NULL) &&
	    (m->list.stamps[MAILDIR_NEW].inode != 0 || m->list.stamps[MAILDIR_CUR].inode != 0);
}

/* The session is over but for its answer: let the next one in. */
static void
maildir_release(struct store *store)
{
	struct maildir *m = maildir_of(store);

	if (has_news(m)) {
		flock(m->directory, LOCK_UN);
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
		flock(m->directory, LOCK_UN);
		list_remember(m);
	}
	if (m->directory >= 0)
		close(m->directory);
	index_free(&m->list);
	free(m->removed);
	free(m->lessons);
	free(m);
}

static int
maildir_open(struct store **store, const char *path, struct error *error)
{
	struct maildir *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a maildrop");
	m->store.ops = &maildir_ops;
	m->directory = -1;
	maildir_reader_begin(&m->reader, &m->directory, &m->list);
	if (directory_open(m, path, error) != 0 || (m->directory >= 0 && list_make(m, error) != 0)) {
		maildir_close(&m->store);
		return -1;
	}
	m->store.count = m->list.count;
	m->store.octets = m->list.octets;
	*store = &m->store;
	return 0;
}

/* The index was damaged behind its header: do without it next time. */
static int
list_damaged(struct maildir *m, struct error *error)
{
	unlinkat(m->directory, INDEX_NAME, 0);
	m->news = false;
	return error_set(error, ERROR_TEMPORARY, "the index is damaged");
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
	const struct index_entry *entry = &m->list.entries[index];

	if (!index_entry_sound(&m->list, index))
		return list_damaged(m, error);
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

	if (!index_entry_sound(&m->list, index))
		return list_damaged(m, error);
	n = maildir_reader_read(&m->reader, index, offset, buffer, size, error);
	if (n < 0 && error->kind == ERROR_GONE)
		list_doubt(m);
	return n;
}

static int
maildir_message_file(struct store *store, size_t index)
{
	struct maildir *m = maildir_of(store);

	return index_entry_sound(&m->list, index) ? maildir_reader_file(&m->reader, index) : -1;
}

static void
maildir_ahead(struct store *store, size_t index)
{
	struct maildir *m = maildir_of(store);

	if (index_entry_sound(&m->list, index))
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

static int
maildir_remove(struct store *store, const bool marked[], struct error *error)
{
	struct maildir *m = maildir_of(store);
	bool touched = false;
	int result = 0;

	m->removed = calloc(m->list.count + 1, sizeof(*m->removed));
	for (size_t i = 0; i < m->list.count; i++) {
		struct error problem;

		if (!marked[i])
			continue;
		touched = true;
		if (!index_entry_sound(&m->list, i))
			result = list_damaged(m, error);
		else if (maildir_file_remove(m->directory, &m->list, &m->list.entries[i], &problem) == 0) {
			if (m->removed != NULL)
				m->removed[i] = true;
		} else {
			*error = problem;
			result = -1;
		}
	}
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
};
