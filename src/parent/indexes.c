/*
 * index_directory: a directory below it for each uid, made before its restante-maildrop starts,
 * because only we can make something there. Nobody but us may write in index_directory: so no user
 * can put something in another's place, and what stands there under a uid's name is what we made.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"

#define ALL_MODE 0711	/* to pass through, not to look around in */

static int
all_open(const char *path, struct error *error)
{
	int all = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;

	if (all < 0 && errno == ENOENT && mkdir(path, ALL_MODE) == 0) {
		all = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (all >= 0)
			(void)fchmod(all, ALL_MODE);	/* whatever our umask */
	}
	if (all < 0)
		return error_errno(error, ERROR_PERMANENT, "index_directory %.150s", path);
	if (fstat(all, &status) == 0 && status.st_uid == geteuid() &&
	    (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return all;
	close(all);
	return error_set(error, ERROR_PERMANENT,
	    "index_directory %.150s: others may write there; it has to be ours alone", path);
}

bool
indexes_make(const struct parent *parent, const struct child *child, char path[INDEX_PATH_SIZE])
{
	const char *all_path = parent->config.index_directory;
	struct error error;
	char name[16];
	int all, result = -1;

	if (all_path[0] == '\0')
		return false;
	snprintf(name, sizeof(name), "%u", child->uid);
	snprintf(path, INDEX_PATH_SIZE, "%s/%s", all_path, name);
	all = all_open(all_path, &error);
	if (all >= 0) {
		result = directory_give(all, name, &(struct identity){ child->uid, child->gid }, "index_directory",
		    &error);
		close(all);
	}
	if (result != 0)
		LOG(LOG_LEVEL_ERROR, "index-directory-not-made", LOG_NUMBER("uid", child->uid),
		    LOG_REASON(&error));
	return true;
}
