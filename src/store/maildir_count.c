/*
 * Counting sizes: a maildrop that was never seen is read once, by several threads, because one
 * alone would wait for the disk most of the time.
 */

#include "store/maildir_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "mail/wire.h"

#define READ_SIZE          (64 * 1024)
#define HELPERS_FEW        3	/* on few cores: they wait for the disk, too */
#define HELPERS_MAX        15
#define FILES_PER_HELPER   16	/* for fewer a thread is not worth its start */
#define ENTRIES_AT_ONCE    16	/* for a thread: neighbours share lines of the cache */

struct counting {
	int maildir;
	struct index_list *list;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock;
	struct error *error;	/* guarded: the first failure */
};

/* As long as it is when it is opened: that spares each file the read that would find its end. */
static int
file_count(int file, struct index_entry *entry, char *chunk, struct error *error)
{
	struct wire_size size;
	struct stat before;
	uint64_t offset = 0;
	ssize_t n = 0;

	if (fstat(file, &before) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot look at a message");
	wire_size_begin(&size);
	while (offset < (uint64_t)before.st_size &&
	    (n = maildir_file_read(file, chunk, READ_SIZE, offset, error)) > 0) {
		wire_size_add(&size, chunk, (size_t)n);
		offset += (uint64_t)n;
	}
	if (n < 0)
		return -1;
	entry->wire_size = wire_size_end(&size);
	entry->flags |= INDEX_SIZED | INDEX_COUNTED;
	if (wire_size_is_stored_so(&size)) {
		entry->flags |= INDEX_WIRE_FORM;
		entry->stamp = maildir_file_stamp(&before);
	}
	return 0;
}

static void
counting_fail(struct counting *counting, const struct error *error)
{
	pthread_mutex_lock(&counting->lock);
	if (!counting->failed)
		*counting->error = *error;
	counting->failed = true;
	pthread_mutex_unlock(&counting->lock);
}

/* A message that cannot be read must not close the maildrop: RETR will say what is wrong with it. */
static void
entry_estimate(struct counting *counting, struct index_entry *entry, const struct error *error)
{
	char path[MAILDIR_PATH_SIZE];
	struct stat status;

	LOG(LOG_LEVEL_WARNING, "message-not-counted", LOG_REASON(error));
	maildir_file_path(counting->list, entry, path);
	if (fstatat(counting->maildir, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
		entry->wire_size = (uint64_t)status.st_size;
}

static void
entry_count(struct counting *counting, struct index_entry *entry, char *chunk)
{
	struct error error;
	int file = maildir_file_open(counting->maildir, counting->list, entry, &error), result = -1;

	if (file >= 0) {
		result = file_count(file, entry, chunk, &error);
		close(file);
	}
	if (result == 0)
		return;
	if (error.kind == ERROR_GONE)
		entry->flags |= INDEX_GONE;
	else if (error.kind == ERROR_PERMANENT)
		entry_estimate(counting, entry, &error);
	else
		counting_fail(counting, &error);
}

static void
entries_count(struct counting *counting, size_t first, char *chunk)
{
	struct index_list *list = counting->list;
	size_t left = list->count - first;
	size_t end = first + (left < ENTRIES_AT_ONCE ? left : ENTRIES_AT_ONCE);

	for (size_t i = first; i < end && !counting->failed; i++) {
		/* Names lie in memory as the directories have them, not in this order. */
		if (i + 1 < end)
			__builtin_prefetch(index_base(list, &list->grown[i + 1]));
		if ((list->grown[i].flags & INDEX_SIZED) == 0)
			entry_count(counting, &list->grown[i], chunk);
	}
}

static void *
count_all(void *context)
{
	struct counting *counting = context;
	char *chunk = malloc(READ_SIZE);
	size_t first;

	if (chunk == NULL) {
		struct error error;

		error_set(&error, ERROR_TEMPORARY, "no memory to count the messages");
		counting_fail(counting, &error);
		return NULL;
	}
	while (!counting->failed &&
	    (first = atomic_fetch_add(&counting->next, ENTRIES_AT_ONCE)) < counting->list->count)
		entries_count(counting, first, chunk);
	free(chunk);
	return NULL;
}

static size_t
count_unsized(const struct index_list *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += (list->entries[i].flags & INDEX_SIZED) == 0;
	return count;
}

/* With the caller one for each core; some more on few cores, and none for a handful of files. */
static size_t
helpers_wanted(size_t unsized_count)
{
	size_t most = (unsized_count - 1) / FILES_PER_HELPER;
	long cores = most > HELPERS_FEW ? sysconf(_SC_NPROCESSORS_ONLN) : 0;
	size_t wanted = cores > HELPERS_FEW ? (size_t)cores - 1 : HELPERS_FEW;

	if (wanted > HELPERS_MAX)
		wanted = HELPERS_MAX;
	return wanted < most ? wanted : most;
}

int
maildir_files_count(int maildir, struct index_list *list, struct error *error)
{
	struct counting counting = { .maildir = maildir, .list = list, .error = error,
		.lock = PTHREAD_MUTEX_INITIALIZER };
	size_t unsized_count = count_unsized(list), helper_count = 0, wanted;
	pthread_t helpers[HELPERS_MAX];

	if (unsized_count == 0)
		return 0;
	wanted = helpers_wanted(unsized_count);
	while (helper_count < wanted &&
	    pthread_create(&helpers[helper_count], NULL, count_all, &counting) == 0)
		helper_count++;
	count_all(&counting);
	for (size_t i = 0; i < helper_count; i++)
		pthread_join(helpers[i], NULL);
	return counting.failed ? -1 : 0;
}
