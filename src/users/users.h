/*
 * The users file: who has a maildrop, as Dovecot writes it in a passwd-file,
 *
 *	user:{SCHEME}password:uid:gid:gecos:home:shell:extra
 *
 * Lines that are empty or begin with '#' or ':' are comments. uid and gid are numbers; of extra only
 * the quota is used (users/quota.h), gecos and shell are not, and fields after gid may be missing. A
 * line that cannot be used is reported and skipped; the first line of a name counts. A quota that
 * cannot be used is reported, and its user has none: to have his mail refused would be worse.
 *
 * A table never changes once it is read. struct users_file keeps one up to date with its file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/limits.h"

struct user_quota {
	bool given;                /* the line has a quota; otherwise that of the configuration holds */
	uint64_t octets, messages; /* 0: no limit */
};

struct user {
	const char *name;     /* as it is written; lent by the table, like the other strings */
	const char *password; /* "{SCHEME}text", see users/password.h */
	const char *home;     /* "" if there is none; no '/' at its end */
	uint32_t uid, gid;
	uint32_t line; /* in the file, from 1 */
	struct user_quota quota;
};

struct users;

/*
 * Called for each line that cannot be used, or not all of it; skipped: its user is not there. problem:
 * fit to be shown; never holds the password.
 */
typedef void users_problem_function(void *context, size_t line, bool skipped, const char *problem);

/* Reads a file into a new table. problem may be NULL. Blocks on the file. */
int users_read(struct users **, const char *path, users_problem_function *problem, void *context,
    struct error *);
/* The same for a text in memory, which is copied. */
int users_parse(struct users **, const char *text, size_t size, users_problem_function *problem,
    void *context, struct error *);
/* Wipes what it held. NULL is fine. */
void users_free(struct users *);

/* NULL: there is no such user. */
const struct user *users_find(const struct users *, const char *name);
size_t users_count(const struct users *);
/* In the order of the file; index below users_count(). */
const struct user *users_at(const struct users *, size_t index);
/* The stored password that takes the longest to check; NULL if all are {PLAIN}. */
const char *users_dearest_password(const struct users *);
/*
 * The longest directory that holds the homes of all users with this uid, as a string in
 * root[size]. False if there is none but "/", or it does not fit.
 */
bool users_home_root(const struct users *, uint32_t uid, char *root, size_t size);

/*
 * Can this name be a part of a path? Not empty, no '/', no control character, not "." or "..",
 * and so are the parts before and behind the first '@'.
 */
bool users_name_fits_path(const char *name);

/* A table and the file that it came from. */
struct users_file {
	char path[PATH_SIZE];
	struct users *users; /* NULL until the file could be read once */
	uint64_t generation; /* grows with each new table */
	struct stat seen;    /* the file when it was last read, or when reading it last failed */
	bool settled;        /* it was old enough then that a later change shows in seen */
	bool failed; /* the last attempt to read it; logged once for each state of the file */
};

void users_file_open(struct users_file *, const char *path);
/*
 * Looks whether the file has changed (inode, size, mtime, ctime) and reads it again if it has.
 * True: there is a new table, and pointers into the old one are void. A file that cannot be read
 * leaves the old table in force and a line in the log. Costs one stat() if nothing has changed.
 */
bool users_file_refresh(struct users_file *);
void users_file_close(struct users_file *);
