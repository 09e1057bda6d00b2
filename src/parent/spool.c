/*
 * lmtp_spool_directory: made before restante-lmtp starts, and given to the uid that it runs as. It locks itself in
 * to that directory. If there is none, it takes small messages, which it keeps in memory.
 */

#include <fcntl.h>
#include <unistd.h>

#include "parent/parent.h"

void
spool_make(const struct parent *parent)
{
	const struct identity ours = { geteuid(), getegid() };
	const struct identity *owner = parent->root ? &parent->identities.lmtp : &ours;
	struct error error;

	if (directory_give(AT_FDCWD, parent->config.lmtp_spool_directory, owner, "lmtp_spool_directory",
	    &error) < 0)
		LOG(LOG_LEVEL_ERROR, "spool-directory-not-made", LOG_REASON(&error));
}
