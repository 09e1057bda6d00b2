/* Another mail program, for foreign_test.c: what it does to a maildrop, in a process of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct guest {
	unsigned number;	/* carried in its text */
	bool is_there, is_old, is_flagged;
};

/* The text of a message. Returns its size. */
size_t foreign_text(unsigned number, char *text, size_t size);
#define FOREIGN_TEXT_SIZE 4096

/*
 * An mbox, under the locks that Debian's policy asks for: appended to, rewritten in place or (if
 * renames) by a new file. A failure ends the process with a status of its own.
 */
void foreign_mbox_make(const char *path);
void foreign_mbox_deliver(const char *path, const struct guest *);
/* With another Status line. False: it is not there any more. */
bool foreign_mbox_flag(const char *path, const struct guest *, bool flagged, bool renames);
void foreign_mbox_remove(const char *path, const struct guest *, bool renames);
