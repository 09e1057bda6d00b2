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
#define HELPERS_MAX        3
#define FILES_PER_HELPER   16	/* for fewer a thread is not worth its start */

struct counting {
	int maildir;
	struct index_list *list;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock;
	struct error *error;	/* guarded: the first failure */
};


static int
file_count(int file, struct index_entry *entry, char *chunk, struct error *error)
{
	struct wire_size size;
	struct stat before;
	uint64_t offset = 0;
	ssize_t n;

	if (fstat(file, &before) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot look at a message");
	wire_size_begin(&size);
	while ((n = maildir_file_read(file, chunk, READ_SIZE, offset, error)) > 0) {
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

static void *
count_all(void *context)
{
	struct counting *counting = context;
	char *chunk = malloc(READ_SIZE);
	size_t index;

	if (chunk == NULL) {
		struct error error;

		error_set(&error, ERROR_TEMPORARY, "no memory to count the messages");
		counting_fail(counting, &error);
		return NULL;
	}
	while (!counting->failed &&
	    (index = atomic_fetch_add(&counting->next, 1)) < counting->list->count)
		if ((counting->list->grown[index].flags & INDEX_SIZED) == 0)
			entry_count(counting, &counting->list->grown[index], chunk);
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

int
maildir_files_count(int maildir, struct index_list *list, struct error *error)
{
	struct counting counting = { .maildir = maildir, .list = list, .error = error,
		.lock = PTHREAD_MUTEX_INITIALIZER };
	size_t unsized_count = count_unsized(list), helper_count = 0;
	pthread_t helpers[HELPERS_MAX];

	if (unsized_count == 0)
		return 0;
	while (helper_count < HELPERS_MAX && unsized_count > (helper_count + 1) * FILES_PER_HELPER &&
	    pthread_create(&helpers[helper_count], NULL, count_all, &counting) == 0)
		helper_count++;
	count_all(&counting);
	for (size_t i = 0; i < helper_count; i++)
		pthread_join(helpers[i], NULL);
	return counting.failed ? -1 : 0;
}
