/* A private directory with one mbox in it, for the tests of the mbox. */
#pragma once

#include "store/store.h"

#define ENVELOPE "From anna@example.org Fri Jul  8 12:08:34 2011\n"

extern char world_mbox[64];	/* the path */
extern char world_place[80];	/* "mbox:" and the path */

/* For cmocka: an empty directory at the beginning of each test; world_end() at the very end. */
int world_begin(void **state);
void world_end(void);
/* The mbox; its modification is made old, so that it counts as settled. */
void world_put(const char *text);
void world_put_octets(const char *octets, size_t size);
void world_append(const char *text);
void world_make_old(void);
/* Its content, NUL-terminated; free() it. */
char *world_get(size_t *size);
void world_assert_content(const char *text);
/* A path in the directory: prefix, the mbox's name, suffix. Lent until the next call. */
const char *world_path(const char *prefix, const char *suffix);
bool world_has(const char *prefix, const char *suffix);
/* Runs as another user in a directory that is not his, where he can make no file; 0 if well. */
int world_as_stranger_to_directory(int (*act)(void *), void *context);

struct store *world_open(void);
/* All that is handed out of a message, in small pieces; free() it. -1 as size: *error. */
char *world_read(struct store *, size_t index, size_t piece, ssize_t *size, struct error *);
void world_assert_text(struct store *, size_t index, const char *text);
void world_uidl(struct store *, size_t index, char uidl[UIDL_SIZE]);
/* Opens, removes the messages whose number's bit is set, closes. */
int world_remove(unsigned bits, struct error *);
