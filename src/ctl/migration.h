/*
 * What import-uidl and verify-uidl share: whose maildrop it is, and working on it as its owner.
 *
 * Started by root, nothing inside a user's directories is touched as root: a child process that has
 * taken on the uid and gid of the maildrop's owner does it, so that no symbolic link of a user can
 * make root read or write anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/limits.h"
#include "config/config.h"

struct target {
	const char *name;		/* the user, or the directory */
	char place[PLACE_SIZE];		/* "maildir:/path" */
	uid_t uid;
	gid_t gid;
};

/* What is done with one; nonzero ends the walk and is handed on. error: there is no target there. */
typedef int (*target_visitor)(void *context, const struct target *, const struct error *error);

/* One word of the command line: a place, a directory, or a user. */
int target_of_word(const struct config *, const char *word, target_visitor, void *context);
/* All users of the users file. Returns what the visitor did, or an exit status and has said why. */
int target_all_users(const struct config *, target_visitor, void *context);
/* A directory that was looked at. */
int target_of_directory(const char *name, const char *path, const struct stat *, target_visitor,
    void *context);
/*
 * Every Maildir below a directory; symbolic links are not followed. What users make of their part of
 * it, meanwhile too, concerns no other part: what is too deep or cannot be read is handed to the
 * visitor as an error, and the walk goes on.
 */
int target_tree(const char *directory, target_visitor, void *context);

struct target_job {
	void (*work)(const struct target *, void *question, void *answer);
	void *question, *answer;
	size_t answer_size;
	unsigned patience_seconds;
};

/*
 * Runs work() in a child process that is the target's owner, and copies what it leaves in
 * answer[0 .. size) back. -1: it was not begun. 1: it was, and ended before its time, or was killed
 * since it took longer than that: the owner can stop his own processes. What it did is not known,
 * and answer is no answer.
 */
int target_work(const struct config *, const struct target *, const struct target_job *,
    struct error *);

/* An exit status for an error of a kind. */
int target_status(const struct error *);
/* Names and texts of others on a terminal: nothing in them may move the cursor. */
void target_clean(char *text);
void target_print(const char *text);
