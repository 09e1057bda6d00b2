/*
 * Maildir, as Postfix, Exim, Dovecot, Courier and maildrop write it: new/ and cur/, one file a
 * message. Flags are left as they are, tmp/ is ignored, and so is every entry that is not a regular
 * file or begins with a dot.
 *
 * The lock is flock(2) on the Maildir itself: it excludes the other sessions of this host, leaves
 * no file behind, and is freed by the kernel when its holder dies. A Maildir that is not there
 * while its parent directory is (a user who never had mail) is an empty maildrop.
 */
#pragma once

#include "store/store.h"

extern const struct store_ops maildir_ops;
