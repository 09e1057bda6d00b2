/* See maildir_quota.h. */

#include "store/maildir_quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/maildir_file.h"
#include "store/maildir_name.h"

#define RECOUNT_SECONDS (15 * 60)
#define NEW_NAME        MAILDIR_QUOTA_NAME ".restante"

/* A number at *text, which goes behind it. */
static bool
number_take(const char **text, int64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoll(*text, &end, 10);
	if (end == *text || errno != 0)
		return false;
	*text = end;
	return true;
}

/* "10000000S,1000C": what other letters mean is theirs. */
static bool
limits_take(struct quota *quota, const char *text)
{
	while (*text != '\n' && *text != '\0') {
		int64_t number;

		if (!number_take(&text, &number) || number < 0)
			return false;
		if (*text == 'S')
			quota->octets = (uint64_t)number;
		else if (*text == 'C')
			quota->messages = (uint64_t)number;
		text += strcspn(text, ",\n");
		text += *text == ',';
	}
	return true;
}

/* "4542 1": adds it. */
static bool
change_take(const char *line, int64_t *octets, int64_t *messages)
{
	int64_t of_octets, of_messages;

	return number_take(&line, &of_octets) && number_take(&line, &of_messages) &&
	    (*line == '\n' || *line == '\0') &&
	    !__builtin_add_overflow(*octets, of_octets, octets) &&
	    !__builtin_add_overflow(*messages, of_messages, messages);
}

bool
maildir_quota_parse(struct maildir_usage *usage, const char *text, size_t size)
{
	char lines[MAILDIR_QUOTA_SIZE_MAX + 1];
	struct maildir_usage found = { .octets = 0 };
	int64_t octets = 0, messages = 0;
	char *line = lines;

	if (size == 0 || size > MAILDIR_QUOTA_SIZE_MAX || memchr(text, '\0', size) != NULL)
		return false;
	memcpy(lines, text, size);
	lines[size] = '\0';
	if (!limits_take(&found.quota, line))
		return false;
	while ((line = strchr(line, '\n')) != NULL && *++line != '\0')
		if (*line == '\n' || !change_take(line, &octets, &messages))
			return false;
	if (octets < 0 || messages < 0)
		return false;
	found.octets = (uint64_t)octets;
	found.messages = (uint64_t)messages;
	*usage = found;
	return true;
}

/* What a message takes: the name's word, or its file's size; 0 if it has gone. */
static uint64_t
file_size(int directory, const char *path, const char *name)
{
	struct maildir_name parsed;
	struct stat status;

	maildir_name_parse(&parsed, name);
	if (parsed.has_stored_size)
		return parsed.stored_size;
	return fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)status.st_size : 0;
}

/* Calls visit for each entry; a directory that is not there has none. */
static int
entries_visit(int directory, const char *path, void (*visit)(void *, int, const struct dirent *),
    void *context, struct error *error)
{
	int file = openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = file >= 0 ? fdopendir(file) : NULL;
	const struct dirent *entry;
	int result = 0;

	if (entries == NULL) {
		int problem = errno;

		if (file >= 0)
			close(file);
		errno = problem;
		if (problem == ENOENT || problem == ENOTDIR)
			return 0;
		return error_errno(error, ERROR_TEMPORARY, "cannot count what is in %.150s", path);
	}
	while ((errno = 0, entry = readdir(entries)) != NULL)
		visit(context, dirfd(entries), entry);
	if (errno != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot count what is in %.150s", path);
	closedir(entries);
	return result;
}

static void
message_count(void *context, int directory, const struct dirent *entry)
{
	struct maildir_usage *usage = context;

	if (entry->d_name[0] == '.' || (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN))
		return;
	usage->octets += file_size(directory, entry->d_name, entry->d_name);
	usage->messages++;
}

struct folders {
	struct maildir_usage usage;
	struct error error;
	int result;
};

static void
folder_count(void *context, int maildir, const struct dirent *entry)
{
	static const char *const names[] = { "new", "cur" };
	struct folders *folders = context;
	char path[NAME_MAX + 8];
	struct stat status;

	if (entry->d_name[0] != '.' || strcmp(entry->d_name, "..") == 0 ||
	    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
	    fstatat(maildir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
		return;
	for (size_t i = 0; i < 2 && folders->result == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", entry->d_name, names[i]);
		folders->result = entries_visit(maildir, path, message_count, &folders->usage,
		    &folders->error);
	}
}

/* The Maildir itself is the folder ".". */
static int
usage_count(int maildir, struct maildir_usage *usage, struct error *error)
{
	struct folders folders = { .result = 0 };

	if (entries_visit(maildir, ".", folder_count, &folders, error) != 0)
		return -1;
	if (folders.result != 0) {
		*error = folders.error;
		return -1;
	}
	usage->octets = folders.usage.octets;
	usage->messages = folders.usage.messages;
	return 0;
}

enum believed { BELIEVED, OUTDATED, MISSING };

struct believed_usage {
	struct maildir_usage usage;
	enum believed believed;
	bool is_old;
};

static void
usage_read(int maildir, struct believed_usage *found)
{
	char text[MAILDIR_QUOTA_SIZE_MAX + 1];
	struct stat status;
	ssize_t size;
	int file = openat(maildir, MAILDIR_QUOTA_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*found = (struct believed_usage){ .believed = MISSING };
	if (file < 0)
		return;
	if (fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
		do
			size = pread(file, text, sizeof(text), 0);
		while (size < 0 && errno == EINTR);
		found->is_old = status.st_mtime + RECOUNT_SECONDS < time(NULL);
		found->believed = size >= 0 && maildir_quota_parse(&found->usage, text, (size_t)size)
		    ? BELIEVED
		    : OUTDATED;
		/* Of a file that has grown too long the first line still counts. */
		if (found->believed == OUTDATED && size > 0) {
			text[size < (ssize_t)sizeof(text) ? size : (ssize_t)sizeof(text) - 1] = '\0';
			if (!limits_take(&found->usage.quota, text))
				found->usage.quota = (struct quota){ .octets = 0 };
		}
	}
	close(file);
}

static bool
text_write(int file, const char *text, size_t size)
{
	ssize_t n;

	do
		n = write(file, text, size);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size;
}

/* It is a cache: a failure is only logged. */
static void
usage_write(int maildir, const struct maildir_usage *usage)
{
	char text[128];
	int size = snprintf(text, sizeof(text), "%" PRIu64 "S,%" PRIu64 "C\n%" PRIu64 " %" PRIu64 "\n",
	    usage->quota.octets, usage->quota.messages, usage->octets, usage->messages);
	int file = openat(maildir, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool written = file >= 0 && text_write(file, text, (size_t)size);

	if (file >= 0)
		close(file);
	if (written && renameat(maildir, NEW_NAME, maildir, MAILDIR_QUOTA_NAME) == 0)
		return;
	LOG(LOG_LEVEL_WARNING, "quota-not-written", LOG_TEXT("reason", strerrordesc_np(errno)));
	if (file >= 0)
		unlinkat(maildir, NEW_NAME, 0);
}

static void
quota_merge(struct quota *quota, const struct quota *of_file)
{
	if (quota->octets == 0 && quota->messages == 0) {
		quota->octets = of_file->octets;
		quota->messages = of_file->messages;
	}
}

int
maildir_quota_check(int maildir, struct append *append, const struct quota *wanted, uint64_t size,
    struct error *error)
{
	struct quota quota = *wanted;
	struct believed_usage found;
	int result;

	usage_read(maildir, &found);
	quota_merge(&quota, &found.usage.quota);
	if (quota.octets == 0 && quota.messages == 0)
		return 0;
	if (found.believed == BELIEVED) {
		result = append_quota_check(append, &quota, found.usage.octets, found.usage.messages, size,
		    error);
		if (result == 0 || !found.is_old)
			return result;
	}
	if (usage_count(maildir, &found.usage, error) != 0)
		return -1;
	if (found.believed != MISSING) {
		found.usage.quota = quota;
		usage_write(maildir, &found.usage);
	}
	return append_quota_check(append, &quota, found.usage.octets, found.usage.messages, size, error);
}

void
maildir_quota_change_begin(struct maildir_quota_change *change, int maildir)
{
	*change = (struct maildir_quota_change){
		.file = openat(maildir, MAILDIR_QUOTA_NAME,
		    O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
	};
}

uint64_t
maildir_quota_size(const struct maildir_quota_change *change, int maildir,
    const struct index_list *list, const struct index_entry *entry)
{
	char path[MAILDIR_PATH_SIZE];

	if (change->file < 0)
		return 0;
	maildir_file_path(list, entry, path);
	return file_size(maildir, path, index_base(list, entry));
}

void
maildir_quota_change_end(struct maildir_quota_change *change)
{
	char line[64];
	int size = snprintf(line, sizeof(line), "%" PRId64 " %" PRId64 "\n", change->octets,
	    change->messages);

	if (change->file < 0)
		return;
	if (change->messages != 0 && !text_write(change->file, line, (size_t)size))
		LOG(LOG_LEVEL_WARNING, "quota-not-written", LOG_TEXT("reason", strerrordesc_np(errno)));
	close(change->file);
	change->file = -1;
}
