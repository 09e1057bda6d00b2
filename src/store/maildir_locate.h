/*
 * Where a file of a Maildir is, by the unique part of its name: for who wants to know after a crash what
 * became of a delivery.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct maildir_found {
	bool is_maildir;	/* there is one, with a tmp/ */
	dev_t tmp_device;	/* of tmp/ */
	ino_t tmp_inode;
	bool in_tmp;
	/* In new/ or cur/ of the Maildir or of a folder of its Maildir++, wherever it was moved. */
	bool in_place;
};

/*
 * What is in place is durable there when this returns, and so is that it has left tmp/. A directory that
 * cannot be read is an error: what is not seen may be there.
 */
int maildir_locate(const char *path, const char *unique, struct maildir_found *, struct error *);
/* Removes it from tmp/, if it is there. */
void maildir_tmp_remove(const char *path, const char *unique);
