/* A private Maildir, for the tests of the Maildir. Names are relative to it. */
#pragma once

#include "store/store.h"

extern char world_root[];	/* its path */
extern char world_place[64];	/* "maildir:" and the path */
extern int world_directory;	/* open */

/* For cmocka: an empty Maildir at the beginning of each test; world_end() at the very end. */
int world_begin(void **state);
void world_end(void);
/* NUL-terminated text. */
void world_put(const char *name, const char *text);
void world_move(const char *from, const char *to);
bool world_has(const char *name);

struct store *world_open(void);
