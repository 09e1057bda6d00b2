/* What the files maildir_append*.c share. */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "mail/wire.h"
#include "store/append_text.h"

enum whereabouts { NOWHERE, IN_TMP, IN_NEW };

/* A Maildir that is delivered into, held open. */
struct directories {
	unsigned users;		/* deliveries of one thread */
	int maildir, tmp, new;	/* -1: not open */
	int quota;		/* -1, or whose quota it is: maildir, or that of which it is a folder */
	struct stat tmp_status, new_status;
	bool is_alone;		/* for struct append */
};

struct maildir_append {
	struct append append;	/* first: the two share their address */
	struct directories *at;
	int file;		/* -1: not open */
	bool new_synced;	/* with another delivery to the same directory */
	enum whereabouts where;
	char unique[NAME_MAX + 1];
	char name[NAME_MAX + 64];	/* with the sizes */
	uint64_t size;
	struct wire_size wire;
	struct append_pieces *pieces;	/* while it comes in pieces */
	struct quota quota_wanted;
};

/* What is not written yet of a message that comes in pieces. */
struct append_pieces {
	struct append_lines lines;
	size_t used;
	char text[APPEND_TEXT_SIZE + 1];	/* one octet may have been held back */
};

/* Opens the directories, makes what is missing of them, and finds whose quota it is. NULL: *error says why not. */
struct directories *directories_open(const char *place, struct error *);
/* When the last user calls it, they are closed. */
void directories_end(struct directories *);
/* "cannot WHAT NAME" with errno; -1. */
int maildir_append_failure(struct error *, const char *what, const char *name);
