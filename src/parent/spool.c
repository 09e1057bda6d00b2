/*
 * lmtp_spool_directory: made before restante-lmtp starts, and given to the uid that it runs as. It locks itself in
 * to that directory. If there is none, it takes small messages, which it keeps in memory.
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"

/* What others could put there would be taken for a message. */
static int
check_mode(const char *path, struct error *error)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return error_errno(error, ERROR_TEMPORARY, "%s", path);
	if ((status.st_mode & S_IRWXU) == S_IRWXU && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	return error_set(error, ERROR_PERMANENT, "%s has the mode %04o, and should have 0700", path,
	    (unsigned)status.st_mode & 07777);
}

void
spool_make(const struct parent *parent)
{
	const struct identity ours = { geteuid(), getegid() };
	const struct identity *owner = parent->root ? &parent->identities.lmtp : &ours;
	const char *path = parent->config.lmtp_spool_directory;
	struct error error;

	if (directory_give(AT_FDCWD, path, owner, "lmtp_spool_directory", &error) < 0 ||
	    check_mode(path, &error) < 0)
		LOG(LOG_LEVEL_ERROR, "spool-directory", LOG_REASON(&error));
}
