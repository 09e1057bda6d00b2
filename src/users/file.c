/* A table that follows its file. */

#include "users/users.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

#define PROBLEMS_LOGGED_MAX 20

/*
 * Two changes within one tick of the file system's clock look like one. A file that was changed so
 * recently when it was read is read once more after this time.
 */
#define SETTLE_SECONDS 2

struct problems {
	const char *path;
	size_t count;
};

static void
log_problem(void *context, size_t line, bool skipped, const char *problem)
{
	struct problems *problems = context;

	if (problems->count++ < PROBLEMS_LOGGED_MAX)
		LOG(LOG_LEVEL_WARNING, skipped ? "users-line-skipped" : "users-line-doubtful",
		    LOG_TEXT("file", problems->path), LOG_NUMBER("line", line), LOG_TEXT("reason", problem));
}

static bool
is_settled(const struct stat *status)
{
	time_t now = time(NULL);

	return now - status->st_mtim.tv_sec >= SETTLE_SECONDS &&
	       now - status->st_ctim.tv_sec >= SETTLE_SECONDS;
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
has_changed(const struct users_file *file, const struct stat *now)
{
	const struct stat *seen = &file->seen;

	return now->st_ino != seen->st_ino || now->st_dev != seen->st_dev ||
	       now->st_size != seen->st_size || !same_time(now->st_mtim, seen->st_mtim) ||
	       !same_time(now->st_ctim, seen->st_ctim) || (!file->settled && is_settled(now));
}

static void
log_failure(struct users_file *file, const char *reason)
{
	LOG(LOG_LEVEL_ERROR, "users-file-unreadable", LOG_TEXT("file", file->path),
	    LOG_TEXT("reason", reason),
	    LOG_TEXT("kept", file->users != NULL ? "the users read before" : "nothing"));
	file->failed = true;
}

void
users_file_open(struct users_file *file, const char *path)
{
	memset(file, 0, sizeof(*file));
	snprintf(file->path, sizeof(file->path), "%s", path);
}

bool
users_file_refresh(struct users_file *file)
{
	struct problems problems = { .path = file->path };
	struct users *users;
	struct error error;
	struct stat now;

	if (stat(file->path, &now) < 0) {
		if (!file->failed || file->seen.st_ino != 0) {
			error_errno(&error, ERROR_TEMPORARY, "cannot look at it");
			log_failure(file, error.text);
		}
		memset(&file->seen, 0, sizeof(file->seen));
		return false;
	}
	if (!has_changed(file, &now))
		return false;
	/* What was seen before reading: a change meanwhile is found the next time. */
	file->seen = now;
	file->settled = is_settled(&now);
	if (users_read(&users, file->path, log_problem, &problems, &error) < 0) {
		log_failure(file, error.text);
		return false;
	}
	users_free(file->users);
	file->users = users;
	file->failed = false;
	file->generation++;
	LOG(LOG_LEVEL_INFO, "users-read", LOG_TEXT("file", file->path),
	    LOG_NUMBER("users", users_count(users)), LOG_NUMBER("skipped", problems.count));
	return true;
}

void
users_file_close(struct users_file *file)
{
	users_free(file->users);
	file->users = NULL;
}
