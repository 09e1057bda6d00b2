/*
 * Between a program and the kernel: the calls that a store makes are linked with --wrap (the list
 * is in meson.build) and come through here. They can be counted, one of them can be made to fail,
 * what they change can be recorded (record.h), and a directory that was laid down again can be
 * given the inodes and times of the one it is a copy of. Without any of these they do nothing.
 *
 * The names of two worlds meet here only: a test that is linked with these calls goes through them
 * itself.
 */
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct recording;

/* Fails with that error, or does half the work of a read or write: */
#define CALLS_SHORT (-1)
/* Does not come back: the program is killed before the call is made, and calls_killed() has the rest. */
#define CALLS_KILL (-2)

struct calls_fault {
	const char *name;	/* only calls of that name; NULL: all */
	unsigned number;	/* the n-th call; 0: none */
	int error;
	bool lasting;		/* and every later call of the same name: a disk that stays full */
	/* Or it does not fail, but this happens before it: what another program does. */
	void (*happens)(void);
};

/* From now on calls are counted and fail as told. Allocations fail for ENOMEM alone. */
void calls_watch(const struct calls_fault *);
/* What is called meanwhile is another program's: neither counted nor failed. */
void calls_watch_pause(bool);
/* How many there were. */
unsigned calls_unwatch(void);
/* Where a program that is killed goes on; its descriptors are the test's to close. */
void calls_killed(jmp_buf *);
/* The name of the call that failed since calls_watch(), NULL if none did. */
const char *calls_failed(void);
/* Blocks that were allocated since calls_watch() and are not freed. */
long calls_blocks(void);
/* Calls on this descriptor are none of the store's. */
void calls_ignore(int descriptor);

/* NULL: no longer. */
void calls_record(struct recording *);
/* Bit n: the n-th fsync or fdatasync from now on (up to 32, of what is recorded) only says that it was done. */
void calls_swallow_syncs(unsigned which);
/* No file can be made: the directory is another's, as /var/mail is. */
void calls_close_directory(bool closed);
/* getdents64() does not tell what an entry is, as on some file systems. */
void calls_hide_types(bool);

/* What stat tells of an inode while its own times are as they are now; of a directory's inode, always. */
struct calls_likeness {
	ino_t inode;
	struct timespec modified, changed;
	ino_t shown_inode;
	struct timespec shown_modified, shown_changed;
};

/* Lent until the next call; NULL: none. */
void calls_show(const struct calls_likeness *, size_t count);
