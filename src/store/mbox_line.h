/*
 * Which lines of an mbox mean something: "From " lines, which begin a message, and the header lines
 * in which programs that share the file keep their own notes.
 *
 * A line is a "From " line if it begins so and holds a date as asctime(3) writes it: the rule of
 * mutt, Dovecot and c-client, so that all that share the file see the same messages. Postfix and
 * Exim put a '>' before every line of a body that begins with "From " (mboxo); some put one before
 * those with '>' too (mboxrd). Nothing in the file tells which was done, so a '>' is handed out as
 * it stands: taking away one that the sender wrote would change a message.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* line: without its end. */
bool mbox_line_is_from(const char *line, size_t size);
/* A header line (not a continuation) that is neither handed out nor part of the digest. */
bool mbox_line_is_hidden(const char *line, size_t size);
/* "X-IMAP:": the first "message" of such a file is only c-client's notes. */
bool mbox_line_is_internal(const char *line, size_t size);
