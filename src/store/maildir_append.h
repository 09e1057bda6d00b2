/*
 * Delivery into a Maildir, by way of tmp/ into new/. What is missing of the Maildir is made, where
 * its parent directory exists. The name is qmail's, with the sizes as Dovecot writes them: a session
 * that lists the message need not read it.
 *
 * A crash may leave a file in tmp/, where no session looks. Linux's file systems keep a directory
 * that is synced together with those above it, so that a delivery may rely on directories that
 * another is just making.
 */
#pragma once

#include "store/append.h"

extern const struct append_ops maildir_append_ops;
