/*
 * The folder of a Maildir++ that mail for a detailed address goes to: "lists" of anna+lists@example.org is
 * the directory .lists in her Maildir, if she has made it.
 */
#pragma once

#include <stdbool.h>

#include "base/limits.h"

/*
 * The place of that folder. False: there is none (no directories cur, new and tmp in it, or one of them
 * is a symbolic link), it cannot be called so ('/', a dot at the beginning), or the store has no folders.
 */
bool folder_find(char place[PLACE_SIZE], const char *maildrop, const char *folder);
