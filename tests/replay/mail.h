/*
 * Maildrops for these tests, and what must be in them afterwards. Everything is seen through
 * store.h; a store is added by a row in fixtures[].
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

#define LETTERS_MAX 80

struct fixture {
	const char *name;
	const char *scheme;
	const char *file;	/* in the directory: "/mbox"; "" if it is the directory itself */
	const char *index;	/* in the directory, too: what may be lost without loss */
	bool is_closed;		/* the store can make no file in the directory */
	/* Makes the maildrop in an empty directory, with that many letters. */
	void (*make)(const char *directory, size_t count);
	/* What another mail program may do meanwhile: nothing appears, nothing goes. NULL: nothing. */
	void (*disturb)(const char *directory);
	/* Delivers one more letter. NULL: not for this one. */
	void (*deliver)(const char *directory, size_t number);
	/* What the boot behind a power failure changes. NULL: nothing. */
	void (*boot)(const char *directory);
};

extern const struct fixture fixtures[];
extern const size_t fixture_count;

struct letter {
	char uidl[UIDL_SIZE];	/* "": unknown */
	uint64_t size;		/* on the wire */
	char *text;
	size_t text_size;
	uint64_t arrives_by;	/* the promise after which it must be there; 0: always */
	uint64_t removed_by;	/* after which it must not be there any more; 0: never */
};

#define MAIL_PLACE_SIZE 256

struct mail {
	char place[MAIL_PLACE_SIZE];
	char index[MAIL_PLACE_SIZE];	/* its file */
	bool is_closed;
	struct letter letters[LETTERS_MAX];
	size_t count;
};

/* A letter that carries its number; the buffer is the caller's. Returns its size. */
size_t letter_write(size_t number, char *buffer, size_t size);
#define LETTER_SIZE 8192

/* From now on the mail is looked for in that directory. */
void fixture_locate(const struct fixture *, const char *directory, struct mail *);
/*
 * Makes the maildrop in an empty directory, lets its times become older than the clock is coarse,
 * so that an index of it will be believed, and learns what is in it.
 */
void fixture_make(const struct fixture *, const char *directory, size_t count, struct mail *);
/* Reads what is in the maildrop that was located. */
void mail_learn(struct mail *);
/* One that is not there yet. */
void mail_expect(struct mail *, const char *text, size_t size, uint64_t arrives_by);
void mail_free(struct mail *);
/* The letter that a message of the store is, by its UIDL. */
struct letter *mail_find(struct mail *, const char *uidl, size_t uidl_size);
/* Where a directory's times need not be those of its entries: */
enum mail_tolerance {
	MAIL_STRICT,
	MAIL_MAY_BE_GONE,	/* the first session may list a message that is gone when it is read */
	MAIL_MAY_BE_HIDDEN,	/* and one that was not promised may be hidden until something changes */
};

/*
 * Opens the maildrop twice (the first may have written an index) and compares; then without the
 * index, which must not have made a difference. Returns what is wrong, or NULL.
 */
const char *mail_check(const struct mail *, uint64_t promised, enum mail_tolerance);
