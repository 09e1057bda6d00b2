/*
 * UPDATE of an mbox. What is removed was found, by its digest, under the delivery locks; everything
 * else is kept octet by octet, also what came during the session.
 *
 * Where all that is removed stands at the end of the file it is cut: one system call that happens
 * or does not. Otherwise a new file is written beside it (".NAME.restante-new"), synced, and renamed
 * over it, where the directory allows that and the new file has the owner and group of the old one.
 * A program that had opened the old file and waits for its fcntl lock would write to a file that no
 * longer has a name; therefore only where the dot lock is held, which Postfix and Exim take before
 * they open. Everywhere else the file is rewritten in place, with a journal (mbox_journal.h).
 */
#pragma once

#include "store/mbox_file.h"

int mbox_remove_marked(struct mbox *, const bool marked[], struct error *);
