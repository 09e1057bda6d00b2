/*
 * mbox: all messages of a user in one file, as Debian's Postfix and Exim deliver to /var/mail.
 *
 * Two kinds of locks. The session has flock(2) on the file: it excludes other sessions of this
 * host, does not hinder deliveries (on a local file system it does not meet fcntl locks, and
 * Debian's programs do not use it), and the kernel frees it when its holder dies. The delivery
 * locks (mbox_lock.h) are held only while the file is looked through or rewritten.
 *
 * Other programs may append, rewrite or replace the file during a session. A message is handed out
 * only while the file looks as it did when that message was found in it; otherwise its text is
 * looked for again, by its digest: at its old place, then in the whole file. What is not there is
 * ERROR_GONE. The same before it is removed; so what is removed is what the client has seen.
 *
 * A file that is not there, while its directory is, is an empty maildrop. The last part of the path
 * must not be a symbolic link: the locks of others would be elsewhere.
 */
#pragma once

#include "store/store.h"

extern const struct store_ops mbox_ops;
